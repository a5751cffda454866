/** Mistakes of handlers, of the SDK and between the parts: what one partition's machines cannot make. */
import type {
  AppendRequest,
  AppendResult,
  PartitionPort,
  Ports,
} from "../../../src/broker/ports.ts";
import { NO_IDENTITY } from "../../../src/client/batch-builder.ts";
import { ProducerState } from "../../../src/client/producer-state.ts";
import { refusedRead } from "../../../src/objects/partition-answers.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import { withMethods } from "../../support/broker-context.ts";

export interface ServiceBug {
  readonly name: string;
  /** What the handlers are given in place of their ports. */
  readonly ports?: (ports: Ports) => Ports;
  /** Breaks the SDK; gives what mends it. */
  readonly breakSdk?: () => () => void;
  /** A member that the catalogue does not take is not taken back (REP42). */
  readonly ineligibleIsConflict?: boolean;
  /** The object hands the machine no leader epoch to check. */
  readonly epochUnchecked?: boolean;
  /** Reads go on behind the high watermark. */
  readonly readsAll?: boolean;
}

type Change = (port: PartitionPort) => Partial<PartitionPort>;

function onPartitions(change: Change): (ports: Ports) => Ports {
  return ({ partitions, ...others }) => ({
    ...others,
    partitions: {
      open: (...args) => partitions.open(...args),
      destroy: (...args) => partitions.destroy(...args),
      destroyReplicas: (...args) => partitions.destroyReplicas(...args),
      refresh: (...args) => partitions.refresh(...args),
      at: (address) => {
        const port = partitions.at(address);
        return { ...port, ...change(port) };
      },
    },
  });
}

function onAppend(
  append: (port: PartitionPort, request: AppendRequest) => Promise<AppendResult>,
): (ports: Ports) => Ports {
  return onPartitions((port) => ({ append: (request) => append(port, request) }));
}

const DONE: AppendResult = {
  errorCode: ErrorCode.NONE,
  errorMessage: null,
  baseOffset: -1,
  logAppendTimeMs: -1,
  logStartOffset: 0,
};

export const SERVICE_BUGS: readonly ServiceBug[] = [
  {
    name: "the router repeats what may be written already and has no number",
    ports: onAppend((port, request) => port.append(request).catch(() => port.append(request))),
  },
  { name: "nobody looks at the leader epoch that the handler names", epochUnchecked: true },
  {
    name: "the SDK gives a batch another sequence after an error",
    breakSdk: () => {
      const { sending } = ProducerState.prototype;
      ProducerState.prototype.sending = function (batch) {
        if (batch.attempts > 1) batch.identity = NO_IDENTITY;
        sending.call(this, batch);
      };
      return () => {
        ProducerState.prototype.sending = sending;
      };
    },
  },
  { name: "a fenced member of the ISR to be is not taken back", ineligibleIsConflict: true },
  {
    name: "the handler asks for acks=1 whatever the producer said",
    ports: onAppend((port, request) => port.append({ ...request, acks: 1 })),
  },
  {
    name: "an outcome that is not known is taken for done",
    ports: onAppend((port, request) => port.append(request).catch(() => DONE)),
  },
  { name: "reads are not bounded by the high watermark", readsAll: true },
  {
    name: "the router never looks who leads now",
    ports: ({ catalogue, ...others }) => ({
      ...others,
      catalogue: withMethods(catalogue, {
        topics: (clusterId, names) => catalogue.topics(clusterId, names),
        topicsById: (clusterId, ids) => catalogue.topicsById(clusterId, ids),
      }),
    }),
  },
  {
    name: "a replica that does not lead says that an offset is out of range",
    ports: onPartitions((port) => ({
      read: async (request) => {
        const result = await port.read(request);
        const isElsewhere = result.errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER;
        return isElsewhere ? refusedRead(ErrorCode.OFFSET_OUT_OF_RANGE, 0) : result;
      },
    })),
  },
];
