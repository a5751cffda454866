/** What Admin takes and gives about configs. */
import type {
  ConfigOperationName,
  ConfigSourceName,
  ConfigTypeName,
} from "../protocol/config-codes.ts";

export interface ConfigResource {
  readonly type: "broker" | "topic";
  /** A topic's name, or a broker's id; "" stands for all brokers. */
  readonly name: string;
}

export interface ConfigSynonym {
  readonly name: string;
  readonly value: string | null;
  readonly source: ConfigSourceName;
}

export interface ConfigEntry {
  readonly name: string;
  /** Null when it is unset, or when the server keeps it to itself (isSensitive). */
  readonly value: string | null;
  /** Who set the value that holds. */
  readonly source: ConfigSourceName;
  /** The source is DEFAULT_CONFIG. */
  readonly isDefault: boolean;
  /** Set by the deployment, not at run time. */
  readonly isReadOnly: boolean;
  readonly isSensitive: boolean;
  /** UNKNOWN when the server does not say. */
  readonly type: ConfigTypeName;
  /** Null unless asked for. */
  readonly documentation: string | null;
  /** Every value that was set or built in, the one that holds first; empty unless asked for. */
  readonly synonyms: readonly ConfigSynonym[];
}

export interface DescribedConfigs extends ConfigResource {
  /** Ordered by name. Of all brokers ("") only what was set for all of them. */
  readonly entries: readonly ConfigEntry[];
}

export interface ConfigChange {
  readonly name: string;
  /** SET unless said otherwise; APPEND and SUBTRACT are for lists. */
  readonly operation?: ConfigOperationName;
  /** Not needed to DELETE. */
  readonly value?: string;
}

export interface ConfigAlteration extends ConfigResource {
  readonly changes: readonly ConfigChange[];
}
