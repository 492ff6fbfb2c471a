// Windows over images, for the scalar type of kernels.h.

// Short rows are the rule here: a loop with a masked remainder where the processor has masks.
#define SHORT_LOOP _Pragma("clang loop vectorize(assume_safety) vectorize_predicate(enable)")

#ifndef WINDOW_RANGES
#define WINDOW_RANGES
typedef struct {
  ptrdiff_t first, end;
} window_range;

// How many of `count` steps from 0 on stay below a position.
INLINE ptrdiff_t steps_before(ptrdiff_t position, ptrdiff_t step, ptrdiff_t count) {
  ptrdiff_t below = position <= 0 ? 0 : (position + step - 1) / step;
  return below < count ? below : count;
}

// The windows whose element j lies inside the image.
INLINE window_range windows_inside(kernel_windows a, ptrdiff_t j) {
  ptrdiff_t origin = a.low - j * a.dilation;
  window_range range = {steps_before(origin, a.stride, a.windows),
                        steps_before(a.extent + origin, a.stride, a.windows)};
  return range;
}

// The elements inside the image of any of the windows first ... last.
INLINE window_range elements_inside(kernel_windows a, ptrdiff_t first, ptrdiff_t last) {
  window_range range = {steps_before(a.low - last * a.stride, a.dilation, a.size),
                        steps_before(a.extent + a.low - first * a.stride, a.dilation, a.size)};
  return range;
}

// Whether windows of two elements stand side by side and none reaches outside.
INLINE int are_pairs(kernel_windows a) {
  return a.size == 2 && a.stride == 2 && a.dilation == 1 && a.low == 0 &&
         2 * a.windows <= a.extent;
}
#endif

// MARK: Unfold and its transpose

// y[0 ..< n] = x. Both have room for so many more elements that come later and are overwritten.
INLINE void NAME(copy_run)(T *y, const T *x, ptrdiff_t n, ptrdiff_t room) {
  enum { CHUNK = 64 / sizeof(T) };
  if (n + CHUNK > room) {
    memcpy(y, x, n * sizeof(T));
    return;
  }
  for (ptrdiff_t i = 0; i < n; i += CHUNK) memcpy(y + i, x + i, 64);
}

WIDE void NAME(kernel_unfold)(ptrdiff_t planes, kernel_windows r, kernel_windows c, const T *x,
                              T *y) {
  const T *end_x = x + planes * r.extent * c.extent;
  T *end_y = y + planes * r.size * c.size * r.windows * c.windows;
  for (ptrdiff_t p = 0; p < planes; p++, x += r.extent * c.extent)
    for (ptrdiff_t i = 0; i < r.size; i++)
      for (ptrdiff_t j = 0; j < c.size; j++) {
        window_range inside = windows_inside(c, j);
        ptrdiff_t first = inside.first, count = inside.end - inside.first;
        ptrdiff_t start = first * c.stride + j * c.dilation - c.low;
        for (ptrdiff_t m = 0; m < r.windows; m++, y += c.windows) {
          ptrdiff_t row = m * r.stride + i * r.dilation - r.low;
          if (row < 0 || row >= r.extent || count <= 0) {
            memset(y, 0, c.windows * sizeof(T));
            continue;
          }
          const T *from = x + row * c.extent + start;
          for (ptrdiff_t n = 0; n < first; n++) y[n] = 0;
          if (c.stride == 1) {
            ptrdiff_t room_x = end_x - from, room_y = end_y - (y + first);
            NAME(copy_run)(y + first, from, count, room_x < room_y ? room_x : room_y);
          } else {
            for (ptrdiff_t n = 0; n < count; n++) y[first + n] = from[n * c.stride];
          }
          for (ptrdiff_t n = inside.end; n < c.windows; n++) y[n] = 0;
        }
      }
}

WIDE void NAME(kernel_fold)(ptrdiff_t planes, kernel_windows r, kernel_windows c, const T *x,
                            T *y) {
  for (ptrdiff_t p = 0; p < planes; p++, y += r.extent * c.extent) {
    memset(y, 0, r.extent * c.extent * sizeof(T));
    for (ptrdiff_t i = 0; i < r.size; i++)
      for (ptrdiff_t j = 0; j < c.size; j++) {
        window_range inside = windows_inside(c, j);
        ptrdiff_t first = inside.first, count = inside.end - inside.first;
        ptrdiff_t start = first * c.stride + j * c.dilation - c.low;
        for (ptrdiff_t m = 0; m < r.windows; m++, x += c.windows) {
          ptrdiff_t row = m * r.stride + i * r.dilation - r.low;
          if (row < 0 || row >= r.extent) continue;
          T *to = y + row * c.extent + start;
          const T *from = x + first;
          if (c.stride == 1) {
            SHORT_LOOP for (ptrdiff_t n = 0; n < count; n++) to[n] += from[n];
          } else {
            for (ptrdiff_t n = 0; n < count; n++) to[n * c.stride] += from[n];
          }
        }
      }
  }
}

// MARK: The largest element of each window

// Whether x takes the place of the largest so far: the first of equals stays, NaN is the largest.
INLINE int NAME(is_larger)(T x, T m) { return (x > m) | ((x != x) & (m == m)); }

// One window of two by two elements, a and b above c and d: the largest one and its number.
INLINE T NAME(largest_of_four)(T a, T b, T c, T d, I *number) {
  I n = NAME(is_larger)(b, a);
  T m = n ? b : a;
  int is_third = NAME(is_larger)(c, m);
  m = is_third ? c : m;
  n = is_third ? 2 : n;
  int is_fourth = NAME(is_larger)(d, m);
  *number = is_fourth ? 3 : n;
  return is_fourth ? d : m;
}

WIDE void NAME(kernel_max_pool)(ptrdiff_t planes, kernel_windows r, kernel_windows c, const T *x,
                                T *y) {
  int pairs = are_pairs(r) && are_pairs(c);
  // One window along the row, such as the maximum of an axis.
  int is_run = c.windows == 1 && c.dilation == 1;
  window_range columns = elements_inside(c, 0, c.windows - 1);
  for (ptrdiff_t p = 0; p < planes; p++, x += r.extent * c.extent)
    for (ptrdiff_t m = 0; m < r.windows; m++, y += c.windows) {
      if (pairs) {
        const T *above = x + 2 * m * c.extent, *below = above + c.extent;
        SHORT_LOOP for (ptrdiff_t n = 0; n < c.windows; n++) {
          I number;
          y[n] = NAME(largest_of_four)(above[2 * n], above[2 * n + 1], below[2 * n],
                                       below[2 * n + 1], &number);
        }
        continue;
      }
      for (ptrdiff_t n = 0; n < c.windows; n++) y[n] = (T)-INFINITY;
      window_range rows = elements_inside(r, m, m);
      for (ptrdiff_t i = rows.first; i < rows.end; i++) {
        const T *own = x + (m * r.stride + i * r.dilation - r.low) * c.extent;
        if (is_run) {
          const T *run = own + columns.first - c.low;
          *y = NAME(larger)(*y, NAME(largest)(columns.end - columns.first, run));
          continue;
        }
        for (ptrdiff_t j = columns.first; j < columns.end; j++) {
          window_range inside = windows_inside(c, j);
          ptrdiff_t start = j * c.dilation - c.low;
          if (c.stride == 1) {
            SHORT_LOOP for (ptrdiff_t n = inside.first; n < inside.end; n++)
              y[n] = NAME(larger)(y[n], own[n + start]);
          } else {
            for (ptrdiff_t n = inside.first; n < inside.end; n++)
              y[n] = NAME(larger)(y[n], own[n * c.stride + start]);
          }
        }
      }
    }
}

// The place in the plane of the first largest element of window (m, n), -1 where there is none.
INLINE ptrdiff_t NAME(largest_place)(kernel_windows r, kernel_windows c, ptrdiff_t m, ptrdiff_t n,
                                     const T *x) {
  ptrdiff_t place = -1;
  T largest = 0;
  window_range rows = elements_inside(r, m, m), columns = elements_inside(c, n, n);
  for (ptrdiff_t i = rows.first; i < rows.end; i++) {
    ptrdiff_t row = (m * r.stride + i * r.dilation - r.low) * c.extent;
    for (ptrdiff_t j = columns.first; j < columns.end; j++) {
      ptrdiff_t next = row + n * c.stride + j * c.dilation - c.low;
      if (place >= 0 && !NAME(is_larger)(x[next], largest)) continue;
      largest = x[next];
      place = next;
    }
  }
  return place;
}

WIDE void NAME(kernel_window_select)(ptrdiff_t planes, kernel_windows r, kernel_windows c,
                                     const T *x, const T *v, T *y) {
  int pairs = are_pairs(r) && are_pairs(c);
  for (ptrdiff_t p = 0; p < planes; p++, x += r.extent * c.extent, v += r.extent * c.extent)
    for (ptrdiff_t m = 0; m < r.windows; m++, y += c.windows) {
      if (pairs) {
        const T *above = x + 2 * m * c.extent, *below = above + c.extent;
        const T *v_above = v + 2 * m * c.extent, *v_below = v_above + c.extent;
        SHORT_LOOP for (ptrdiff_t n = 0; n < c.windows; n++) {
          I number;
          NAME(largest_of_four)(above[2 * n], above[2 * n + 1], below[2 * n], below[2 * n + 1],
                                &number);
          T first = number & 1 ? v_above[2 * n + 1] : v_above[2 * n];
          T second = number & 1 ? v_below[2 * n + 1] : v_below[2 * n];
          y[n] = number & 2 ? second : first;
        }
        continue;
      }
      for (ptrdiff_t n = 0; n < c.windows; n++) {
        ptrdiff_t place = NAME(largest_place)(r, c, m, n, x);
        y[n] = place < 0 ? 0 : v[place];
      }
    }
}

WIDE void NAME(kernel_window_scatter)(ptrdiff_t planes, kernel_windows r, kernel_windows c,
                                      const T *x, const T *v, T *y) {
  int pairs = are_pairs(r) && are_pairs(c);
  int covers = pairs && 2 * r.windows == r.extent && 2 * c.windows == c.extent;
  ptrdiff_t size = r.extent * c.extent;
  for (ptrdiff_t p = 0; p < planes; p++, x += size, y += size) {
    if (!covers) memset(y, 0, size * sizeof(T));
    for (ptrdiff_t m = 0; m < r.windows; m++, v += c.windows) {
      if (pairs) {
        const T *above = x + 2 * m * c.extent, *below = above + c.extent;
        T *y_above = y + 2 * m * c.extent, *y_below = y_above + c.extent;
        SHORT_LOOP for (ptrdiff_t n = 0; n < c.windows; n++) {
          I number;
          NAME(largest_of_four)(above[2 * n], above[2 * n + 1], below[2 * n], below[2 * n + 1],
                                &number);
          y_above[2 * n] = number == 0 ? v[n] : 0;
          y_above[2 * n + 1] = number == 1 ? v[n] : 0;
          y_below[2 * n] = number == 2 ? v[n] : 0;
          y_below[2 * n + 1] = number == 3 ? v[n] : 0;
        }
        continue;
      }
      for (ptrdiff_t n = 0; n < c.windows; n++) {
        ptrdiff_t place = NAME(largest_place)(r, c, m, n, x);
        if (place >= 0) y[place] += v[n];
      }
    }
  }
}
