/** The codec ids of a record batch's attributes (bits 0 to 2). */
export const Codec = { NONE: 0, GZIP: 1, SNAPPY: 2, LZ4: 3, ZSTD: 4 } as const;
