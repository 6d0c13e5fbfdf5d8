// The loops of tile_products.c, once for the processor's tiles and once for those in plain C: NAME(x) is a
// function's name, IN its attributes; TILE_ZERO, TILE_LOAD, TILE_STORE, TILE_MULTIPLY work on the tiles
// 0 … 3 of C, (0, 0), (0, 1), (1, 0), (1, 1), the tiles 4 and 5 of A and 6 and 7 of B; FINISH_ROW stores.

// Rows `first` … `end` of a block that was made before.
IN void NAME(finish)(
    const lk_tile_product *s, const tile_block *done, void *c, size_t first, size_t end) {
    if (end > done->rows) end = done->rows;
    for (size_t r = first; r < end; r++)
        FINISH_ROW(s, done->sums + r * BLOCK, done->bias, done->start, c, done->at + r * s->row_c, done->columns);
}

// A tile of A of which not all rows or terms are there: zeros stand for the others.
IN void NAME(padded)(
    const lk_tile_product *s, const bf16 *a, size_t rows, size_t terms, bf16 *room) {
    memset(room, 0, SIDE * TERMS * sizeof *room);
    for (size_t r = 0; r < rows; r++)
        memcpy(room + r * TERMS, a + r * s->row_a, terms * sizeof *room);
}

// Adds the products of 32 terms to a block of `m` by `n` tiles.
#define TILE_STEP(M, N, FIRST_A, SECOND_A, BYTES, B)                                               \
    do {                                                                                           \
        TILE_LOAD(4, FIRST_A, BYTES);                                                              \
        TILE_LOAD(6, B, 2 * BLOCK * sizeof(bf16));                                                 \
        TILE_MULTIPLY(0, 4, 6);                                                                    \
        if ((N) > 1) {                                                                             \
            TILE_LOAD(7, (B) + BLOCK, 2 * BLOCK * sizeof(bf16));                                   \
            TILE_MULTIPLY(1, 4, 7);                                                                \
        }                                                                                          \
        if ((M) > 1) {                                                                             \
            TILE_LOAD(5, SECOND_A, BYTES);                                                         \
            TILE_MULTIPLY(2, 5, 6);                                                                \
            if ((N) > 1) TILE_MULTIPLY(3, 5, 7);                                                   \
        }                                                                                          \
    } while (0)

// Four tiles, or those of `m` by `n`, with what lies `across` and `down` from one to the next.
#define EACH_TILE(DO, M, N, P, ACROSS, DOWN, BYTES)                                                \
    do {                                                                                           \
        DO(0, (P), BYTES);                                                                         \
        if ((N) > 1) DO(1, (P) + (ACROSS), BYTES);                                                 \
        if ((M) > 1) DO(2, (P) + (DOWN), BYTES);                                                   \
        if ((M) > 1 && (N) > 1) DO(3, (P) + (DOWN) + (ACROSS), BYTES);                             \
    } while (0)
#define CLEAR_TILE(T, P, BYTES) TILE_ZERO(T)

// One block of C: `rows` rows of a, terms first … end. What was made before is stored meanwhile.
IN void NAME(block)(
    const lk_tile_product *s, const bf16 *a, const bf16 *b, size_t rows, size_t first, size_t end,
    const float *begin, float *sums, size_t sums_row, const tile_block *before,
    void *c, size_t next, const int m, const int n TILE_REGISTERS) {
    _Alignas(64) bf16 room[2 * SIDE * TERMS];
    size_t bytes = s->row_a * sizeof(bf16), step = first / TERMS, row = 0;
    size_t whole = s->padded ? (end + TERMS - 1) / TERMS : rows == (size_t)m * SIDE ? end / TERMS : step;
    size_t size = s->narrow ? sizeof(bf16) : sizeof(float);
    const char *line = (const char *)c + next * size;
    if (begin)
        EACH_TILE(TILE_LOAD, m, n, begin, SIDE, SIDE * BLOCK, BLOCK * sizeof(float));
    else
        EACH_TILE(CLEAR_TILE, m, n, begin, 0, 0, 0);
    if (before->sums)
        for (; step < whole && row < BLOCK; step++, row += 2) {
            TILE_STEP(m, n, a + step * s->step_a, a + s->half_a + step * s->step_a, bytes, b + step * STEP);
            NAME(finish)(s, before, c, row, row + 2);
            for (size_t r = row; r < row + 2 && r < rows; r++) {
                __builtin_prefetch(line + r * s->row_c * size, 1);
                if (!s->narrow) __builtin_prefetch(line + r * s->row_c * size + 64, 1);
            }
        }
    for (; step < whole; step++)
        TILE_STEP(m, n, a + step * s->step_a, a + s->half_a + step * s->step_a, bytes, b + step * STEP);
    for (; step * TERMS < end; step++) {
        size_t terms = end - step * TERMS < TERMS ? end - step * TERMS : TERMS;
        const bf16 *tile = a + step * s->step_a;
        NAME(padded)(s, tile, rows < SIDE ? rows : SIDE, terms, room);
        if (m > 1) NAME(padded)(s, tile + s->half_a, rows - SIDE, terms, room + SIDE * TERMS);
        TILE_STEP(m, n, room, room + SIDE * TERMS, TERMS * sizeof(bf16), b + step * STEP);
    }
    if (before->sums) NAME(finish)(s, before, c, row, BLOCK);
    EACH_TILE(TILE_STORE, m, n, sums, SIDE, SIDE * sums_row, sums_row * sizeof(float));
}

// A block of two tiles, or one, each way.
IN void NAME(any_block)(
    const lk_tile_product *s, const bf16 *a, const bf16 *b, size_t rows, size_t columns, size_t first,
    size_t end, const float *begin, float *sums, size_t sums_row,
    const tile_block *before, void *c, size_t next TILE_REGISTERS) {
#define BLOCK_OF(M, N)                                                                             \
    NAME(block)(                                                                                   \
        s, a, b, rows, first, end, begin, sums, sums_row, before, c, next, M, N TILE_ARGUMENT)
    if (rows > SIDE && columns > SIDE) BLOCK_OF(2, 2);
    else if (rows > SIDE) BLOCK_OF(2, 1);
    else if (columns > SIDE) BLOCK_OF(1, 2);
    else BLOCK_OF(1, 1);
#undef BLOCK_OF
}

IN void NAME(product)(
    const lk_tile_product *s, const bf16 *a, const bf16 *panels, const float *bias, const float *start,
    const float *partial, float *sums, void *c) {
    TILE_BEGIN
    _Alignas(64) float rooms[2][BLOCK * BLOCK];
    tile_block before = {0};
    size_t turn = 0;
    for (size_t row = 0; row < s->rows; row += BLOCK)
        for (size_t column = 0; column < s->columns; column += BLOCK, turn++) {
            size_t rows = s->rows - row < BLOCK ? s->rows - row : BLOCK;
            size_t columns = s->columns - column < BLOCK ? s->columns - column : BLOCK;
            size_t first = 0, end = s->inner, at = row * s->row_c + column;
            if (!part_of_block(s, row, rows, column, &columns, &first, &end)) continue;
            const bf16 *own = a + row / BLOCK * s->block_a;
            const bf16 *panel = panels + column / BLOCK * s->panel_b;
            bool whole = rows % SIDE == 0 && columns % SIDE == 0;
            const float *from = partial ? partial + turn * BLOCK * BLOCK : NULL;
            bool direct = sums || (whole && !s->narrow && !s->streams && !bias && !start);
            float *room = sums ? sums + turn * BLOCK * BLOCK : direct ? (float *)c + at : rooms[turn % 2];
            NAME(any_block)(
                s, own, panel, rows, columns, first, end, from, room,
                direct && !sums ? s->row_c : BLOCK, &before, c, at TILE_ARGUMENT);
            before = (tile_block){
                direct ? NULL : room, at, rows, columns, bias ? bias + column : NULL, start};
        }
    if (before.sums) NAME(finish)(s, &before, c, 0, BLOCK);
    TILE_END
    if (s->streams) STREAM_END;
}
