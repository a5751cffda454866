import { Compression } from "../batch-header.ts";
import { ProtocolError } from "../errors.ts";
import { gzipDecompress } from "./gzip.ts";
import { lz4Decompress } from "./lz4.ts";
import { snappyDecompress } from "./snappy.ts";
import { zstdDecompress } from "./zstd/decode.ts";

/**
 * The records section of a batch, decompressed. Synchronous, plain JavaScript: the same in workerd,
 * Node, Deno and browsers.
 *
 * @param codec 0 none, 1 gzip, 2 snappy (xerial framing or one raw block), 3 lz4 frame, 4 zstd
 * @param maxBytes bound on the output; memory stays in proportion to it, whatever the input claims
 * @throws ProtocolError for an unknown codec, corrupt input, or an output past `maxBytes`
 */
export function decompress(codec: number, bytes: Uint8Array, maxBytes: number): Uint8Array {
  switch (codec) {
    case Compression.NONE:
      return bytes;
    case Compression.GZIP:
      return gzipDecompress(bytes, maxBytes);
    case Compression.SNAPPY:
      return snappyDecompress(bytes, maxBytes);
    case Compression.LZ4:
      return lz4Decompress(bytes, maxBytes);
    case Compression.ZSTD:
      return zstdDecompress(bytes, maxBytes);
    default:
      throw new ProtocolError(`unknown compression codec ${codec}: Kafka has 0 to 4`);
  }
}
