import { Compression } from "../batch-header.ts";
import { ProtocolError } from "../errors.ts";
import { gzipCompress } from "./gzip.ts";
import { lz4Compress } from "./lz4.ts";
import { snappyCompress } from "./snappy.ts";
import { zstdCompress } from "./zstd/encode.ts";

/**
 * The records section of a batch, compressed as Kafka's Java client frames it. Synchronous and
 * deterministic.
 *
 * @param codec 0 none, 1 gzip, 2 snappy in xerial framing, 3 lz4 frame, 4 zstd
 * @throws ProtocolError for an unknown codec
 */
export function compress(codec: number, bytes: Uint8Array): Uint8Array {
  switch (codec) {
    case Compression.NONE:
      return bytes;
    case Compression.GZIP:
      return gzipCompress(bytes);
    case Compression.SNAPPY:
      return snappyCompress(bytes);
    case Compression.LZ4:
      return lz4Compress(bytes);
    case Compression.ZSTD:
      return zstdCompress(bytes);
    default:
      throw new ProtocolError(`unknown compression codec ${codec}: Kafka has 0 to 4`);
  }
}
