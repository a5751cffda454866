/** Types of the wire as the compiler of codecs sees them: what schema.ts makes of a definition. */
import { EMPTY_BYTES } from "../lib/bytes.ts";
import { ZERO_UUID } from "../lib/uuid.ts";
import type { VersionSet } from "./versions.ts";

export type PrimitiveKind =
  | "bool"
  | "int8"
  | "int16"
  | "uint16"
  | "int32"
  | "int64"
  | "float64"
  | "uuid"
  | "string"
  | "bytes"
  | "records";

export type TypeSpec =
  | { readonly kind: PrimitiveKind }
  | { readonly kind: "array"; readonly element: TypeSpec }
  | { readonly kind: "struct"; readonly fields: readonly FieldSpec[] };

export type StructSpec = Extract<TypeSpec, { kind: "struct" }>;

export interface FieldSpec {
  readonly name: string;
  readonly type: TypeSpec;
  readonly versions: VersionSet;
  readonly nullable: VersionSet;
  readonly tag: number;
  readonly taggedVersions: VersionSet;
  /** Frozen: decoders hand it out for a field that the version does not have. */
  readonly defaultValue: unknown;
}

/** Zero, "", no bytes, [] or a struct of defaults. */
export function emptyValue(type: TypeSpec): unknown {
  switch (type.kind) {
    case "bool":
      return false;
    case "string":
      return "";
    case "uuid":
      return ZERO_UUID;
    case "bytes":
    case "records":
      return EMPTY_BYTES;
    case "array":
      return Object.freeze([]);
    case "struct":
      return Object.freeze(
        Object.fromEntries(type.fields.map((field) => [field.name, field.defaultValue])),
      );
    default:
      return 0;
  }
}
