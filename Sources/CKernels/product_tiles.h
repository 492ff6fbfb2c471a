// The products of products.h for one processor level, which includes this for each.
//
// LANES is what a vector register holds, WIDTH how many of them a tile of C is wide.
#define TILE_COLUMNS (WIDTH * LANES)
#define PER_LINE (64 / (ptrdiff_t)sizeof(T))
// Stripes of rows that read a panel of B often enough to pay for a copy of it.
#define STRIPES_FOR_B 8
// Columns that read a block of A often enough: where its rows are runs, and where its columns are.
#define COLUMNS_FOR_ROWS 512
#define COLUMNS_FOR_COLUMNS (6 * TILE_COLUMNS)

typedef T LEVEL(vector)
    __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));

// A tile of C over one run of k: rows x (width · LANES).
INLINE PRODUCT_TARGET void LEVEL(tile)(const int rows, const int width, ptrdiff_t k, T alpha,
                                       const T *a, ptrdiff_t row, ptrdiff_t column, const T *b,
                                       ptrdiff_t ldb, T beta, T *c, ptrdiff_t ldc) {
  LEVEL(vector) sums[TILE_ROWS][WIDTH];
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
    LEVEL(vector) y[WIDTH];
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

// packed[p * width + j] = x[p * row + j * column] for j below `count`, and zeros beyond.
INLINE PRODUCT_TARGET void LEVEL(pack)(const ptrdiff_t width, ptrdiff_t k, ptrdiff_t count,
                                       const T *x, ptrdiff_t row, ptrdiff_t column, T *packed) {
  ptrdiff_t j = 0;
  if (column == 1) {
    if (count == width)
      for (ptrdiff_t p = 0; p < k; p++)
        memcpy(packed + p * width, x + p * row, width * sizeof(T));
    else
      for (ptrdiff_t p = 0; p < k; p++)
        for (ptrdiff_t l = 0; l < count; l++) packed[p * width + l] = x[p * row + l];
    j = count;
  }
  // Columns that are runs, in squares of four.
  for (; row == 1 && j + 4 <= count; j += 4) {
    const T *source = x + j * column;
    ptrdiff_t p = 0;
    for (; p + 4 <= k; p += 4, source += 4) {
      NAME(four) r0, r1, r2, r3;
      memcpy(&r0, source, sizeof r0);
      memcpy(&r1, source + column, sizeof r1);
      memcpy(&r2, source + 2 * column, sizeof r2);
      memcpy(&r3, source + 3 * column, sizeof r3);
      NAME(four) s0 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5);
      NAME(four) s1 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
      NAME(four) t0 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5);
      NAME(four) t1 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
      r0 = __builtin_shufflevector(s0, t0, 0, 1, 4, 5);
      r1 = __builtin_shufflevector(s0, t0, 2, 3, 6, 7);
      r2 = __builtin_shufflevector(s1, t1, 0, 1, 4, 5);
      r3 = __builtin_shufflevector(s1, t1, 2, 3, 6, 7);
      T *y = packed + p * width + j;
      memcpy(y, &r0, sizeof r0);
      memcpy(y + width, &r1, sizeof r1);
      memcpy(y + 2 * width, &r2, sizeof r2);
      memcpy(y + 3 * width, &r3, sizeof r3);
    }
    for (; p < k; p++, source++)
      for (int l = 0; l < 4; l++) packed[p * width + j + l] = source[l * column];
  }
  for (; j < count; j++)
    for (ptrdiff_t p = 0; p < k; p++) packed[p * width + j] = x[p * row + j * column];
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
    ptrdiff_t width = n - left < columns ? n - left : columns;
    for (ptrdiff_t depth = 0; depth < k; depth += longest) {
      ptrdiff_t run = k - depth < longest ? k - depth : longest;
      const T *y = b + depth * rowB + left * columnB;
      if (panels) LEVEL(pack_panels)(run, width, y, rowB, columnB, panels);
      for (ptrdiff_t top = 0; top < m; top += height)
        LEVEL(block)(m - top < height ? m - top : height, width, run, alpha,
                     a + top * rowA + depth * columnA, rowA, columnA, y, rowB, columnB, panels,
                     depth == 0 ? beta : 1, c + top * ldc + left, ldc);
    }
  }
  free(panels);
}
#undef TILE_COLUMNS
#undef PER_LINE
#undef STRIPES_FOR_B
#undef COLUMNS_FOR_ROWS
#undef COLUMNS_FOR_COLUMNS
#undef LEVEL
#undef PRODUCT_TARGET
#undef LANES
#undef WIDTH
