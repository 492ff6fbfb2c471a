// The products of products.h for one processor level, which includes this for each.
//
// LANES is what a vector register holds, WIDTH how many of them a tile of C is wide.
#define TILE_COLUMNS (WIDTH * LANES)
_Static_assert(WIDTH * LANES <= PANEL && TILE_ROWS == 6, "packed panels, and the cases of stripe");
#define MOST_WIDTH 8
#define PER_LINE (64 / (ptrdiff_t)sizeof(T))
// Stripes of rows that read a panel of B often enough to pay for a copy of it.
#define STRIPES_FOR_B 8
// Rows up to which B is read hardly more than once.
#define FEW_ROWS 3
// Columns that read a block of A often enough: where its rows are runs, and where its columns are.
#define COLUMNS_FOR_ROWS 512
#define COLUMNS_FOR_COLUMNS (6 * TILE_COLUMNS)

typedef T LEVEL(vector)
    __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));

// As many columns as are turned into rows at once.
typedef T LEVEL(runs) __attribute__((vector_size(RUNS * sizeof(T))));

// A tile of C over one run of k: rows x (width · LANES).
INLINE PRODUCT_TARGET void LEVEL(tile)(const int rows, const int width, ptrdiff_t k, T alpha,
                                       const T *a, ptrdiff_t row, ptrdiff_t column, const T *b,
                                       ptrdiff_t ldb, T beta, T *c, ptrdiff_t ldc) {
  LEVEL(vector) sums[TILE_ROWS][MOST_WIDTH];
#pragma unroll
  for (int i = 0; i < rows; i++)
#pragma unroll
    for (int j = 0; j < width; j++) sums[i][j] = (LEVEL(vector)){0};
  // C is not looked at before the run is over.
#pragma unroll
  for (int i = 0; i < rows; i++)
#pragma unroll
    for (int j = 0; j < width * LANES; j += PER_LINE) __builtin_prefetch(c + i * ldc + j, 1);
  for (ptrdiff_t p = 0; p < k; p++, a += column, b += ldb) {
    LEVEL(vector) y[MOST_WIDTH];
#pragma unroll
    for (int j = 0; j < width; j++) y[j] = *(const LEVEL(vector) *)(b + j * LANES);
#pragma unroll
    for (int i = 0; i < rows; i++) {
      T x = a[i * row];
#pragma unroll
      for (int j = 0; j < width; j++) sums[i][j] += x * y[j];
    }
  }
#pragma unroll
  for (int i = 0; i < rows; i++)
#pragma unroll
    for (int j = 0; j < width; j++) {
      LEVEL(vector) *z = (LEVEL(vector) *)(c + i * ldc + j * LANES);
      *z = beta == 0 ? alpha * sums[i][j] : alpha * sums[i][j] + beta * *z;
    }
}

// At most TILE_ROWS rows of C, `columns` wide: width · LANES, or fewer at the right end of C.
INLINE PRODUCT_TARGET void LEVEL(stripe)(const int width, ptrdiff_t rows, ptrdiff_t columns,
                                         ptrdiff_t k, T alpha, const T *a, ptrdiff_t row,
                                         ptrdiff_t column, const T *b, ptrdiff_t ldb, T beta, T *c,
                                         ptrdiff_t ldc) {
  T edge[TILE_ROWS * TILE_COLUMNS];
  int isWhole = columns == width * LANES;
  T *target = isWhole ? c : edge;
  ptrdiff_t stride = isWhole ? ldc : TILE_COLUMNS;
  if (!isWhole && beta != 0)
    for (ptrdiff_t i = 0; i < rows; i++)
      for (ptrdiff_t j = 0; j < TILE_COLUMNS; j++)
        edge[i * TILE_COLUMNS + j] = j < columns ? c[i * ldc + j] : 0;
  switch (rows) {
#define TILE(count)                                                                                \
  LEVEL(tile)(count, width, k, alpha, a, row, column, b, ldb, beta, target, stride);               \
  break;
  case 6: TILE(6)
  case 5: TILE(5)
  case 4: TILE(4)
  case 3: TILE(3)
  case 2: TILE(2)
  default: TILE(1)
#undef TILE
  }
  if (!isWhole)
    for (ptrdiff_t i = 0; i < rows; i++)
      for (ptrdiff_t j = 0; j < columns; j++) c[i * ldc + j] = edge[i * TILE_COLUMNS + j];
}

// turned[p][l] = x[l * column + p] for four numbers of each of RUNS runs.
INLINE PRODUCT_TARGET void LEVEL(turn)(const T *x, ptrdiff_t column, LEVEL(runs) *turned) {
#if RUNS == 8
  NAME(four) low[4], high[4];
  LEVEL(runs) r[4];
#pragma unroll
  for (int i = 0; i < 4; i++) {
    memcpy(low + i, x + i * column, sizeof low[i]);
    memcpy(high + i, x + (i + 4) * column, sizeof high[i]);
    r[i] = __builtin_shufflevector(low[i], high[i], 0, 1, 2, 3, 4, 5, 6, 7);
  }
  LEVEL(runs) s0 = __builtin_shufflevector(r[0], r[1], 0, 8, 1, 9, 4, 12, 5, 13);
  LEVEL(runs) s1 = __builtin_shufflevector(r[0], r[1], 2, 10, 3, 11, 6, 14, 7, 15);
  LEVEL(runs) t0 = __builtin_shufflevector(r[2], r[3], 0, 8, 1, 9, 4, 12, 5, 13);
  LEVEL(runs) t1 = __builtin_shufflevector(r[2], r[3], 2, 10, 3, 11, 6, 14, 7, 15);
  turned[0] = __builtin_shufflevector(s0, t0, 0, 1, 8, 9, 4, 5, 12, 13);
  turned[1] = __builtin_shufflevector(s0, t0, 2, 3, 10, 11, 6, 7, 14, 15);
  turned[2] = __builtin_shufflevector(s1, t1, 0, 1, 8, 9, 4, 5, 12, 13);
  turned[3] = __builtin_shufflevector(s1, t1, 2, 3, 10, 11, 6, 7, 14, 15);
#else
  LEVEL(runs) r[4];
#pragma unroll
  for (int i = 0; i < 4; i++) memcpy(r + i, x + i * column, sizeof r[i]);
  LEVEL(runs) s0 = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5);
  LEVEL(runs) s1 = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
  LEVEL(runs) t0 = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
  LEVEL(runs) t1 = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
  turned[0] = __builtin_shufflevector(s0, t0, 0, 1, 4, 5);
  turned[1] = __builtin_shufflevector(s0, t0, 2, 3, 6, 7);
  turned[2] = __builtin_shufflevector(s1, t1, 0, 1, 4, 5);
  turned[3] = __builtin_shufflevector(s1, t1, 2, 3, 6, 7);
#endif
}

// packed[p * width + j] = x[p * row + j * column] for j below `count`, and zeros beyond.
INLINE PRODUCT_TARGET void LEVEL(pack)(const ptrdiff_t width, ptrdiff_t k, ptrdiff_t count,
                                       const T *x, ptrdiff_t row, ptrdiff_t column, T *packed) {
  if (column == 1 && count == width) {
    for (ptrdiff_t p = 0; p < k; p++) memcpy(packed + p * width, x + p * row, width * sizeof(T));
    return;
  }
  if (row == 1 && count >= RUNS) {
    for (ptrdiff_t left = 0; left < count; left += RUNS) {
      ptrdiff_t j = left + RUNS <= count ? left : count - RUNS, p = 0;  // some are written twice
      const T *source = x + j * column;
      T *y = packed + j;
      for (; p + 4 <= k; p += 4) {
        LEVEL(runs) turned[4];
        LEVEL(turn)(source + p, column, turned);
#pragma unroll
        for (int i = 0; i < 4; i++) memcpy(y + (p + i) * width, turned + i, sizeof turned[i]);
      }
      for (; p < k; p++)
        for (int l = 0; l < RUNS; l++) y[p * width + l] = source[p + l * column];
    }
  } else if (column == 1) {
    for (ptrdiff_t p = 0; p < k; p++)
      for (ptrdiff_t j = 0; j < count; j++) packed[p * width + j] = x[p * row + j];
  } else {
    for (ptrdiff_t j = 0; j < count; j++)
      for (ptrdiff_t p = 0; p < k; p++) packed[p * width + j] = x[p * row + j * column];
  }
  if (count < width)
    for (ptrdiff_t p = 0; p < k; p++)
      memset(packed + p * width + count, 0, (width - count) * sizeof(T));
}

// A run of B as panels [k][TILE_COLUMNS], one after the other. Where rows are neighbours' runs, each
// is read once, from end to end.
PRODUCT_TARGET static void LEVEL(pack_panels)(ptrdiff_t k, ptrdiff_t n, const T *b, ptrdiff_t row,
                                              ptrdiff_t column, T *packed) {
  ptrdiff_t left = 0;
  if (column == 1) {
    ptrdiff_t whole = n - n % TILE_COLUMNS;
    for (ptrdiff_t p = 0; p < k; p++)
      for (left = 0; left < whole; left += TILE_COLUMNS)
        memcpy(packed + left * k + p * TILE_COLUMNS, b + p * row + left, TILE_COLUMNS * sizeof(T));
  }
  for (; left < n; left += TILE_COLUMNS) {
    ptrdiff_t count = n - left < TILE_COLUMNS ? n - left : TILE_COLUMNS;
    LEVEL(pack)(TILE_COLUMNS, k, count, b + left * column, row, column, packed + left * k);
  }
}

// One run of k for a block of rows of C. `panels` is that run of B packed, or null.
PRODUCT_TARGET static void LEVEL(block)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, T alpha, const T *a,
                                        ptrdiff_t rowA, ptrdiff_t columnA, const T *b,
                                        ptrdiff_t rowB, ptrdiff_t columnB, const T *panels, T beta,
                                        T *c, ptrdiff_t ldc) {
  // Stripes of nearly the same height: `taller` of them have one row more than the others.
  ptrdiff_t stripes = (m + TILE_ROWS - 1) / TILE_ROWS, height = m / stripes, taller = m % stripes;
  ptrdiff_t row = rowA, column = columnA, next = 0;
  if (n >= (columnA == 1 ? COLUMNS_FOR_ROWS : COLUMNS_FOR_COLUMNS)) {
    for (ptrdiff_t i = 0, top = 0; i < stripes; i++) {
      ptrdiff_t rows = height + (i < taller);
      T *packed = NAME(packed_a) + i * TILE_ROWS * k;
      LEVEL(pack)(TILE_ROWS, k, rows, a + top * rowA, columnA, rowA, packed);
      top += rows;
    }
    a = NAME(packed_a), row = 1, column = TILE_ROWS, next = TILE_ROWS * k;
  }
  for (ptrdiff_t left = 0; left < n; left += TILE_COLUMNS) {
    ptrdiff_t columns = n - left < TILE_COLUMNS ? n - left : TILE_COLUMNS;
    const T *y = b + left * columnB;
    ptrdiff_t ldb = rowB;
    if (panels) {
      y = panels + left * k, ldb = TILE_COLUMNS;
    } else if (columnB != 1 || columns % LANES != 0 || stripes >= STRIPES_FOR_B) {
      LEVEL(pack)(TILE_COLUMNS, k, columns, y, rowB, columnB, NAME(packed_b));
      y = NAME(packed_b), ldb = TILE_COLUMNS;
    }
    const T *x = a;
    T *z = c + left;
    for (ptrdiff_t i = 0; i < stripes; i++) {
      ptrdiff_t rows = height + (i < taller);
      switch ((columns + LANES - 1) / LANES) {
#define STRIPE(width)                                                                              \
  LEVEL(stripe)(width, rows, columns, k, alpha, x, row, column, y, ldb, beta, z, ldc);             \
  break;
#if WIDTH > 2
      case 4: STRIPE(4)
      case 3: STRIPE(3)
#endif
      case 2: STRIPE(2)
      default: STRIPE(1)
#undef STRIPE
      }
      x += next ? next : rows * rowA;
      z += rows * ldc;
    }
  }
}

// The same for few rows, from columns of B that are runs: turned in registers.
INLINE PRODUCT_TARGET void LEVEL(turned_tile)(const int rows, const int groups, ptrdiff_t k, T alpha,
                                              const T *a, ptrdiff_t row, ptrdiff_t column,
                                              const T *b, ptrdiff_t columnB, T beta, T *c,
                                              ptrdiff_t ldc) {
  LEVEL(runs) sums[FEW_ROWS][2];
#pragma unroll
  for (int i = 0; i < rows; i++)
#pragma unroll
    for (int j = 0; j < groups; j++) sums[i][j] = (LEVEL(runs)){0};
  ptrdiff_t p = 0;
  for (; p + 4 <= k; p += 4)
#pragma unroll
    for (int j = 0; j < groups; j++) {
      LEVEL(runs) y[4];
      LEVEL(turn)(b + p + j * RUNS * columnB, columnB, y);
#pragma unroll
      for (int q = 0; q < 4; q++)
#pragma unroll
        for (int i = 0; i < rows; i++) sums[i][j] += a[i * row + (p + q) * column] * y[q];
    }
  for (; p < k; p++)
#pragma unroll
    for (int j = 0; j < groups; j++) {
      LEVEL(runs) y;
#pragma unroll
      for (int l = 0; l < RUNS; l++) y[l] = b[p + (j * RUNS + l) * columnB];
#pragma unroll
      for (int i = 0; i < rows; i++) sums[i][j] += a[i * row + p * column] * y;
    }
#pragma unroll
  for (int i = 0; i < rows; i++)
#pragma unroll
    for (int j = 0; j < groups; j++) {
      T *z = c + i * ldc + j * RUNS;
      LEVEL(runs) sum = alpha * sums[i][j], old;
      if (beta != 0) {
        memcpy(&old, z, sizeof old);
        sum = alpha * sums[i][j] + beta * old;
      }
      memcpy(z, &sum, sizeof sum);
    }
}

// One run of k for so few rows that each element of B is used hardly more than once: tiles as wide
// as the registers allow, so that enough sums are under way at a time.
INLINE PRODUCT_TARGET void LEVEL(few_rows)(const int rows, const int width, ptrdiff_t n,
                                           ptrdiff_t k, T alpha, const T *a, ptrdiff_t row,
                                           ptrdiff_t column, const T *b, ptrdiff_t rowB,
                                           ptrdiff_t columnB, T beta, T *c, ptrdiff_t ldc) {
  ptrdiff_t left = 0;
  if (columnB == 1) {
    for (; left + width * LANES <= n; left += width * LANES)
      LEVEL(tile)(rows, width, k, alpha, a, row, column, b + left, rowB, beta, c + left, ldc);
    for (; left + LANES <= n; left += LANES)
      LEVEL(tile)(rows, 1, k, alpha, a, row, column, b + left, rowB, beta, c + left, ldc);
  } else if (rowB == 1) {
    for (; left + 2 * RUNS <= n; left += 2 * RUNS)
      LEVEL(turned_tile)(rows, 2, k, alpha, a, row, column, b + left * columnB, columnB, beta,
                         c + left, ldc);
    for (; left + RUNS <= n; left += RUNS)
      LEVEL(turned_tile)(rows, 1, k, alpha, a, row, column, b + left * columnB, columnB, beta,
                         c + left, ldc);
  }
  for (; left < n; left += LANES) {
    ptrdiff_t columns = n - left < LANES ? n - left : LANES;
    LEVEL(pack)(LANES, k, columns, b + left * columnB, rowB, columnB, NAME(packed_b));
    LEVEL(stripe)(1, rows, columns, k, alpha, a, row, column, NAME(packed_b), LANES, beta, c + left,
                  ldc);
  }
}

PRODUCT_TARGET static void LEVEL(product)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, T alpha, const T *a,
                                          ptrdiff_t rowA, ptrdiff_t columnA, const T *b,
                                          ptrdiff_t rowB, ptrdiff_t columnB, T beta, T *c,
                                          ptrdiff_t ldc) {
  // Blocks of nearly the same height, whole tiles each.
  ptrdiff_t blocks = (m + PRODUCT_ROWS - 1) / PRODUCT_ROWS;
  ptrdiff_t height = ((m + blocks - 1) / blocks + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;
  ptrdiff_t columns = n < PRODUCT_COLUMNS ? n : PRODUCT_COLUMNS;
  ptrdiff_t longest = NAME(product_run)(k);
  // Blocks that read the same panels share them; without memory for that each packs its own.
  T *panels = blocks > 1 ? malloc((columns + TILE_COLUMNS) * longest * sizeof(T)) : NULL;
  for (ptrdiff_t left = 0; left < n; left += columns) {
    ptrdiff_t wide = n - left < columns ? n - left : columns;
    for (ptrdiff_t depth = 0; depth < k; depth += longest) {
      ptrdiff_t run = k - depth < longest ? k - depth : longest;
      const T *y = b + depth * rowB + left * columnB;
      if (panels) LEVEL(pack_panels)(run, wide, y, rowB, columnB, panels);
      T scale = depth == 0 ? beta : 1;
      const T *x = a + depth * columnA;
      switch (m) {
#define FEW(rows, width)                                                                           \
  LEVEL(few_rows)(rows, width, wide, run, alpha, x, rowA, columnA, y, rowB, columnB, scale,        \
                  c + left, ldc);                                                                  \
  continue;
      case 1: FEW(1, MOST_WIDTH)
      case 2: FEW(2, 4)
      case FEW_ROWS: FEW(FEW_ROWS, 4)
#undef FEW
      }
      for (ptrdiff_t top = 0; top < m; top += height)
        LEVEL(block)(m - top < height ? m - top : height, wide, run, alpha,
                     x + top * rowA, rowA, columnA, y, rowB, columnB, panels,
                     scale, c + top * ldc + left, ldc);
    }
  }
  free(panels);
}
#undef TILE_COLUMNS
#undef MOST_WIDTH
#undef PER_LINE
#undef STRIPES_FOR_B
#undef FEW_ROWS
#undef COLUMNS_FOR_ROWS
#undef COLUMNS_FOR_COLUMNS
#undef LEVEL
#undef PRODUCT_TARGET
#undef LANES
#undef RUNS
#undef WIDTH
