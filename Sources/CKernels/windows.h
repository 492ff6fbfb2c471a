// Windows over images, for the scalar type of kernels.h.

// Short rows are the rule here: a loop with a masked remainder where the processor has masks.
#define SHORT_LOOP _Pragma("clang loop vectorize(assume_safety) vectorize_predicate(enable)")

// Sixteen neighbours, and conditions on them.
typedef T NAME(lanes) __attribute__((vector_size(16 * sizeof(T))));
typedef I NAME(mask) __attribute__((vector_size(16 * sizeof(T))));
typedef T NAME(half_lanes) __attribute__((vector_size(8 * sizeof(T))));

// Loads and stores of sixteen. A plane is inner where as many may be touched on either side of it;
// else nothing is touched outside of begin ..< end.
INLINE void NAME(load)(NAME(lanes) *v, const T *x, const T *begin, const T *end, int is_inner) {
  if (is_inner || (x >= begin && end - x >= 16)) {
    memcpy(v, x, sizeof *v);
    return;
  }
  *v = (NAME(lanes)){0};
  for (int l = 0; l < 16; l++)
    if (x + l >= begin && x + l < end) (*v)[l] = x[l];
}

INLINE void NAME(store)(T *y, const NAME(lanes) *v, ptrdiff_t count, int is_inner) {
  if (is_inner)
    memcpy(y, v, sizeof *v);
  else
    memcpy(y, v, count * sizeof(T));
}

INLINE void NAME(keep)(NAME(lanes) *v, ptrdiff_t first, ptrdiff_t end) {
  const NAME(mask) number = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  *v = (NAME(lanes))((NAME(mask))*v & (number >= (I)first) & (number < (I)end));
}

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

// y[0 ..< n] = x, and perhaps up to sixteen elements more, which are written again later.
INLINE void NAME(copy_run)(T *y, const T *x, ptrdiff_t n, int is_inner) {
  if (!is_inner) {
    memcpy(y, x, n * sizeof(T));
    return;
  }
  for (ptrdiff_t i = 0; i < n; i += 16) memcpy(y + i, x + i, 16 * sizeof(T));
}

WIDE void NAME(kernel_unfold)(ptrdiff_t planes, kernel_windows r, kernel_windows c, const T *x,
                              T *y) {
  for (ptrdiff_t p = 0; p < planes; p++, x += r.extent * c.extent) {
    // Sixteen elements beyond a plane belong to the next one where both planes are that large.
    int is_inner = p + 1 < planes && r.extent * c.extent >= 16 &&
                   r.size * c.size * r.windows * c.windows >= 16;
    for (ptrdiff_t i = 0; i < r.size; i++)
      for (ptrdiff_t j = 0; j < c.size; j++) {
        window_range rows = windows_inside(r, i), columns = windows_inside(c, j);
        ptrdiff_t count = columns.end - columns.first, tail = c.windows - columns.end;
        if (count <= 0) rows.first = rows.end = r.windows;
        memset(y, 0, rows.first * c.windows * sizeof(T));
        y += rows.first * c.windows;
        const T *from = x + (rows.first * r.stride + i * r.dilation - r.low) * c.extent +
                        columns.first * c.stride + j * c.dilation - c.low;
        if (is_inner && c.stride == 1 && c.windows == count) {
          for (ptrdiff_t m = rows.first; m < rows.end; m++, from += r.stride * c.extent, y += count)
            NAME(copy_run)(y, from, count, 1);
          rows.first = rows.end;
        }
        for (ptrdiff_t m = rows.first; m < rows.end; m++, from += r.stride * c.extent) {
          for (ptrdiff_t n = 0; n < columns.first; n++) *y++ = 0;
          if (c.stride == 1) {
            NAME(copy_run)(y, from, count, is_inner);
          } else {
            for (ptrdiff_t n = 0; n < count; n++) y[n] = from[n * c.stride];
          }
          y += count;
          for (ptrdiff_t n = 0; n < tail; n++) *y++ = 0;
        }
        memset(y, 0, (r.windows - rows.end) * c.windows * sizeof(T));
        y += (r.windows - rows.end) * c.windows;
      }
  }
}

// A row of an image, sixteen columns at a time: every window element that stands there is added
// while the sum is in registers. For a step of one along the row.
INLINE void NAME(fold_plane)(kernel_windows r, kernel_windows c, const T *x, const T *begin,
                             const T *end, T *y, int is_inner) {
  for (ptrdiff_t row = 0; row < r.extent; row++, y += c.extent)
    for (ptrdiff_t column = 0; column < c.extent; column += 16) {
      NAME(lanes) sum = {0};
      for (ptrdiff_t i = 0; i < r.size; i++) {
        ptrdiff_t m = row + r.low - i * r.dilation;
        if (m < 0) continue;
        if (r.stride != 1) {
          if (m % r.stride != 0) continue;
          m /= r.stride;
        }
        if (m >= r.windows) continue;
        const T *from = x + (i * c.size * r.windows + m) * c.windows;
        for (ptrdiff_t j = 0; j < c.size; j++, from += r.windows * c.windows) {
          ptrdiff_t n = column + c.low - j * c.dilation;  // the window of the first lane
          if (n <= -16 || n >= c.windows) continue;
          NAME(lanes) v;
          NAME(load)(&v, from + n, begin, end, is_inner);
          if (n < 0 || n + 16 > c.windows) NAME(keep)(&v, -n, c.windows - n);
          sum += v;
        }
      }
      NAME(store)(y + column, &sum, c.extent - column < 16 ? c.extent - column : 16, is_inner);
    }
}

WIDE void NAME(kernel_fold)(ptrdiff_t planes, kernel_windows r, kernel_windows c, const T *x,
                            T *y) {
  ptrdiff_t unfolded = r.size * c.size * r.windows * c.windows;
  const T *begin = x, *end = x + planes * unfolded;
  for (ptrdiff_t p = 0; p < planes; p++, x += unfolded, y += r.extent * c.extent) {
    if (c.stride == 1) {
      // Sixteen elements beyond a plane belong to the next one where both planes are that large.
      if (p > 0 && p + 1 < planes && unfolded >= 16 && r.extent * c.extent >= 16)
        NAME(fold_plane)(r, c, x, begin, end, y, 1);
      else
        NAME(fold_plane)(r, c, x, begin, end, y, 0);
      continue;
    }
    memset(y, 0, r.extent * c.extent * sizeof(T));
    const T *from = x;
    for (ptrdiff_t i = 0; i < r.size; i++)
      for (ptrdiff_t j = 0; j < c.size; j++) {
        window_range columns = windows_inside(c, j);
        for (ptrdiff_t m = 0; m < r.windows; m++, from += c.windows) {
          ptrdiff_t row = m * r.stride + i * r.dilation - r.low;
          if (row < 0 || row >= r.extent) continue;
          T *to = y + row * c.extent + j * c.dilation - c.low;
          for (ptrdiff_t n = columns.first; n < columns.end; n++) to[n * c.stride] += from[n];
        }
      }
  }
}

// MARK: The largest element of each window

// Whether x takes the place of the largest so far: the first of equals stays, NaN is the largest.
INLINE int NAME(is_larger)(T x, T m) { return (x > m) | ((x != x) & (m == m)); }

#define CHOOSE(condition, a, b)                                                                    \
  (NAME(lanes))(((NAME(mask))(a) & (condition)) | ((NAME(mask))(b) & ~(condition)))
#define LARGER(m, x) CHOOSE(((x) > (m)) | ((x) != (x)), x, m)
#define SWAP_PAIRS(a)                                                                              \
  __builtin_shufflevector(a, a, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14)

// Eight windows of two by two elements, each a pair of lanes above and below: the largest element in
// both lanes of a pair, and where it stands first.
INLINE void NAME(largest_of_pairs)(const NAME(lanes) *above, const NAME(lanes) *below,
                                   NAME(lanes) *largest, NAME(mask) *is_above,
                                   NAME(mask) *is_below) {
  const NAME(mask) odd = {0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1};
  NAME(lanes) a = *above, b = *below, a_other = SWAP_PAIRS(a), b_other = SWAP_PAIRS(b);
  NAME(lanes) p = LARGER(a, a_other), q = LARGER(b, b_other), m = LARGER(p, q);
  NAME(mask) in_a = (a == m) | (a != a), in_b = (b == m) | (b != b);
  NAME(mask) in_a_other = SWAP_PAIRS(in_a), in_b_other = SWAP_PAIRS(in_b);
  *largest = m;
  *is_above = in_a & ~(odd & in_a_other);
  *is_below = in_b & ~(in_a | in_a_other) & ~(odd & in_b_other);
}

// The first lane of each pair.
INLINE void NAME(store_pairs)(T *y, const NAME(lanes) *v, ptrdiff_t count, int is_inner) {
  NAME(half_lanes) first = __builtin_shufflevector(*v, *v, 0, 2, 4, 6, 8, 10, 12, 14);
  if (is_inner)
    memcpy(y, &first, sizeof first);
  else
    memcpy(y, &first, count * sizeof(T));
}

// One plane of windows of two by two elements side by side: their largest elements where v is null,
// else the elements of v in those places.
INLINE void NAME(select_pairs)(kernel_windows r, kernel_windows c, const T *x, const T *end_x,
                               const T *v, const T *end_v, T *y, int is_inner) {
  for (ptrdiff_t m = 0; m < r.windows; m++, y += c.windows)
    for (ptrdiff_t n = 0; n < c.windows; n += 8) {
      ptrdiff_t above = 2 * m * c.extent + 2 * n, below = above + c.extent;
      ptrdiff_t count = c.windows - n < 8 ? c.windows - n : 8;
      NAME(lanes) a, b, own;
      NAME(mask) is_above, is_below;
      NAME(load)(&a, x + above, x, end_x, is_inner);
      NAME(load)(&b, x + below, x, end_x, is_inner);
      NAME(largest_of_pairs)(&a, &b, &own, &is_above, &is_below);
      if (v) {
        NAME(lanes) v_above, v_below;
        NAME(load)(&v_above, v + above, v, end_v, is_inner);
        NAME(load)(&v_below, v + below, v, end_v, is_inner);
        NAME(mask) bits = ((NAME(mask))v_above & is_above) | ((NAME(mask))v_below & is_below);
        NAME(mask) others = SWAP_PAIRS(bits);
        own = (NAME(lanes))(bits | others);
      }
      NAME(store_pairs)(y + n, &own, count, is_inner);
    }
}

// The transpose for one plane. What a store has beyond its row are zeros, in places that stay zero or
// are written later: the last columns come first.
INLINE void NAME(scatter_pairs)(kernel_windows r, kernel_windows c, const T *x, const T *end_x,
                                const T *v, const T *end_v, T *y, int is_inner) {
  for (ptrdiff_t m = 0; m < r.windows; m++, v += c.windows)
    for (ptrdiff_t n = (c.windows - 1) / 8 * 8; n >= 0; n -= 8) {
      ptrdiff_t above = 2 * m * c.extent + 2 * n, below = above + c.extent;
      ptrdiff_t count = c.windows - n < 8 ? 2 * (c.windows - n) : 16;
      NAME(lanes) a, b, largest, own;
      NAME(mask) is_above, is_below;
      NAME(load)(&a, x + above, x, end_x, is_inner);
      NAME(load)(&b, x + below, x, end_x, is_inner);
      NAME(load)(&own, v + n, v, end_v, is_inner);
      own = __builtin_shufflevector(own, own, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
      NAME(keep)(&own, 0, count);
      NAME(largest_of_pairs)(&a, &b, &largest, &is_above, &is_below);
      NAME(lanes) y_above = (NAME(lanes))((NAME(mask))own & is_above);
      NAME(lanes) y_below = (NAME(lanes))((NAME(mask))own & is_below);
      NAME(store)(y + above, &y_above, count, is_inner);
      NAME(store)(y + below, &y_below, count, is_inner);
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
  int are_all_pairs = are_pairs(r) && are_pairs(c);
  ptrdiff_t size = r.extent * c.extent, places = r.windows * c.windows;
  const T *end_x = x + planes * size, *end_v = v ? v + planes * size : 0;
  for (ptrdiff_t p = 0; p < planes; p++, x += size, y += places) {
    if (are_all_pairs) {
      // Sixteen elements beyond a plane belong to the next one where both planes are that large.
      if (p + 1 < planes && places >= 16)
        NAME(select_pairs)(r, c, x, end_x, v, end_v, y, 1);
      else
        NAME(select_pairs)(r, c, x, end_x, v, end_v, y, 0);
    } else {
      for (ptrdiff_t m = 0; m < r.windows; m++)
        for (ptrdiff_t n = 0; n < c.windows; n++) {
          ptrdiff_t place = NAME(largest_place)(r, c, m, n, x);
          y[m * c.windows + n] = place < 0 ? 0 : v[place];
        }
    }
    if (v) v += size;
  }
}

WIDE void NAME(kernel_max_pool)(ptrdiff_t planes, kernel_windows r, kernel_windows c, const T *x,
                                T *y) {
  if (are_pairs(r) && are_pairs(c)) {
    NAME(kernel_window_select)(planes, r, c, x, 0, y);
    return;
  }
  // One window along the row, such as the maximum of an axis.
  int is_run = c.windows == 1 && c.dilation == 1;
  window_range columns = elements_inside(c, 0, c.windows - 1);
  for (ptrdiff_t p = 0; p < planes; p++, x += r.extent * c.extent)
    for (ptrdiff_t m = 0; m < r.windows; m++, y += c.windows) {
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

WIDE void NAME(kernel_window_scatter)(ptrdiff_t planes, kernel_windows r, kernel_windows c,
                                      const T *x, const T *v, T *y) {
  int are_all_pairs = are_pairs(r) && are_pairs(c);
  int covers = are_all_pairs && 2 * r.windows == r.extent && 2 * c.windows == c.extent;
  ptrdiff_t size = r.extent * c.extent, places = r.windows * c.windows;
  const T *end_x = x + planes * size, *end_v = v + planes * places;
  for (ptrdiff_t p = 0; p < planes; p++, x += size, y += size, v += places) {
    if (!covers) memset(y, 0, size * sizeof(T));
    if (are_all_pairs) {
      if (p + 1 < planes && places >= 16)
        NAME(scatter_pairs)(r, c, x, end_x, v, end_v, y, 1);
      else
        NAME(scatter_pairs)(r, c, x, end_x, v, end_v, y, 0);
      continue;
    }
    for (ptrdiff_t m = 0; m < r.windows; m++)
      for (ptrdiff_t n = 0; n < c.windows; n++) {
        ptrdiff_t place = NAME(largest_place)(r, c, m, n, x);
        if (place >= 0) y[place] += v[m * c.windows + n];
      }
  }
}
#undef CHOOSE
#undef LARGER
#undef SWAP_PAIRS
