/** Coordinators that answer what a test says, and remember what they were asked. */
import type { GroupAsk, GroupPort, GroupsPort, PartitionAddress } from "../../src/broker/ports.ts";
import type { GroupReply } from "../../src/group/messages.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";

export interface AskedGroups extends PartitionAddress, GroupAsk {}

export class ScriptedGroups implements GroupsPort {
  readonly asked: AskedGroups[] = [];
  /** Unless a test says more, there are no coordinators. */
  answer: (asked: AskedGroups) => GroupReply | Promise<GroupReply> = () => ({
    api: "failed",
    errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE,
  });

  at(address: PartitionAddress): GroupPort {
    return {
      ask: async (ask) => {
        const asked = { ...address, ...ask };
        this.asked.push(asked);
        return this.answer(asked);
      },
    };
  }
}
