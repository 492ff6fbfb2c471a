// Matrix products of middling extents for one processor level; products.h includes this for each.
//
// LANES is what a vector register holds, WIDTH how many of them a tile is wide.
#define TILE_ROWS 6
#define TILE_COLUMNS (WIDTH * LANES)

typedef T LEVEL(vector)
    __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));

// A tile of C: rows x (width · LANES).
INLINE PRODUCT_TARGET void LEVEL(tile)(const int rows, const int width, ptrdiff_t k, T alpha, const T *a,
                                ptrdiff_t row, ptrdiff_t column, const T *b, ptrdiff_t ldb, T beta,
                                T *c, ptrdiff_t ldc) {
  LEVEL(vector) sums[TILE_ROWS][WIDTH];
#pragma unroll
  for (int i = 0; i < rows; i++)
#pragma unroll
    for (int j = 0; j < width; j++) sums[i][j] = (LEVEL(vector)){0};
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
INLINE PRODUCT_TARGET void LEVEL(stripe)(const int width, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t k,
                                  T alpha, const T *a, ptrdiff_t row, ptrdiff_t column, const T *b,
                                  ptrdiff_t ldb, T beta, T *c, ptrdiff_t ldc) {
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

// B as panels: [k][TILE_COLUMNS] for each TILE_COLUMNS columns, zeros beyond the last.
INLINE PRODUCT_TARGET void LEVEL(pack)(ptrdiff_t k, ptrdiff_t columns, const T *b, ptrdiff_t row,
                                ptrdiff_t column, T *packed) {
  for (ptrdiff_t first = 0; first < columns; first += TILE_COLUMNS, packed += k * TILE_COLUMNS) {
    ptrdiff_t count = columns - first < TILE_COLUMNS ? columns - first : TILE_COLUMNS, j = 0;
    const T *source = b + first * column;
    if (column == 1) {
      for (ptrdiff_t p = 0; p < k; p++)
        memcpy(packed + p * TILE_COLUMNS, source + p * row, count * sizeof(T));
      j = count;
    }
    for (; row == 1 && j + 4 <= count; j += 4) {
      const T *x = source + j * column;
      ptrdiff_t p = 0;
      for (; p + 4 <= k; p += 4, x += 4) {
        NAME(four) r0, r1, r2, r3;
        memcpy(&r0, x, sizeof r0);
        memcpy(&r1, x + column, sizeof r1);
        memcpy(&r2, x + 2 * column, sizeof r2);
        memcpy(&r3, x + 3 * column, sizeof r3);
        NAME(four) s0 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5);
        NAME(four) s1 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
        NAME(four) t0 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5);
        NAME(four) t1 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
        r0 = __builtin_shufflevector(s0, t0, 0, 1, 4, 5);
        r1 = __builtin_shufflevector(s0, t0, 2, 3, 6, 7);
        r2 = __builtin_shufflevector(s1, t1, 0, 1, 4, 5);
        r3 = __builtin_shufflevector(s1, t1, 2, 3, 6, 7);
        T *y = packed + p * TILE_COLUMNS + j;
        memcpy(y, &r0, sizeof r0);
        memcpy(y + TILE_COLUMNS, &r1, sizeof r1);
        memcpy(y + 2 * TILE_COLUMNS, &r2, sizeof r2);
        memcpy(y + 3 * TILE_COLUMNS, &r3, sizeof r3);
      }
      for (; p < k; p++, x++)
        for (int l = 0; l < 4; l++) packed[p * TILE_COLUMNS + j + l] = x[l * column];
    }
    for (; j < count; j++)
      for (ptrdiff_t p = 0; p < k; p++) packed[p * TILE_COLUMNS + j] = source[p * row + j * column];
    if (count < TILE_COLUMNS)
      for (ptrdiff_t p = 0; p < k; p++)
        memset(packed + p * TILE_COLUMNS + count, 0, (TILE_COLUMNS - count) * sizeof(T));
  }
}

PRODUCT_TARGET static void LEVEL(product)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, T alpha, const T *a,
                                          ptrdiff_t rowA, ptrdiff_t columnA, const T *b,
                                          ptrdiff_t rowB, ptrdiff_t columnB, T beta, T *c,
                                          ptrdiff_t ldc) {
  T few[TILE_ROWS * PRODUCT_DEPTH];
  for (ptrdiff_t depth = 0; depth < k; depth += PRODUCT_DEPTH, beta = 1) {
    ptrdiff_t inner = k - depth < PRODUCT_DEPTH ? k - depth : PRODUCT_DEPTH;
    for (ptrdiff_t left = 0; left < n; left += PRODUCT_COLUMNS) {
      ptrdiff_t width = n - left < PRODUCT_COLUMNS ? n - left : PRODUCT_COLUMNS;
      const T *block = b + depth * rowB + left * columnB;
      // Where rows of B are whole stripes they are used as they lie.
      int isPacked = columnB != 1 || width % LANES != 0;
      if (isPacked) LEVEL(pack)(inner, width, block, rowB, columnB, NAME(packed));
      for (ptrdiff_t top = 0; top < m; top += TILE_ROWS) {
        ptrdiff_t rows = m - top < TILE_ROWS ? m - top : TILE_ROWS;
        const T *x = a + top * rowA + depth * columnA;
        ptrdiff_t row = rowA, column = columnA;
        if (columnA != 1 && width > TILE_COLUMNS) {
          if (rows == TILE_ROWS && rowA == 1)
            for (ptrdiff_t p = 0; p < inner; p++)
              memcpy(few + p * TILE_ROWS, x + p * columnA, TILE_ROWS * sizeof(T));
          else
            for (ptrdiff_t p = 0; p < inner; p++)
              for (ptrdiff_t i = 0; i < rows; i++)
                few[p * TILE_ROWS + i] = x[i * rowA + p * columnA];
          x = few, row = 1, column = TILE_ROWS;
        }
        for (ptrdiff_t j = 0; j < width; j += TILE_COLUMNS) {
          ptrdiff_t columns = width - j < TILE_COLUMNS ? width - j : TILE_COLUMNS;
          const T *y = isPacked ? NAME(packed) + j * inner : block + j;
          ptrdiff_t ldb = isPacked ? TILE_COLUMNS : rowB;
          T *z = c + top * ldc + left + j;
          switch ((columns + LANES - 1) / LANES) {
#define STRIPE(width)                                                                              \
  LEVEL(stripe)(width, rows, columns, inner, alpha, x, row, column, y, ldb, beta, z, ldc);         \
  break;
#if WIDTH > 2
          case 4: STRIPE(4)
          case 3: STRIPE(3)
#endif
          case 2: STRIPE(2)
          default: STRIPE(1)
#undef STRIPE
          }
        }
      }
    }
  }
}
#undef TILE_ROWS
#undef TILE_COLUMNS
#undef LEVEL
#undef PRODUCT_TARGET
#undef LANES
#undef WIDTH
