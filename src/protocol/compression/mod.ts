export { Compression as Codec } from "../batch-header.ts";
export { compress } from "./compress.ts";
export { decompress } from "./decompress.ts";
