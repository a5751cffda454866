/**
 * Members of a consumer group that still speak the classic protocol (KIP-848's upgrade): JoinGroup,
 * SyncGroup, Heartbeat and LeaveGroup carry the same steps as a ConsumerGroupHeartbeat does. Rules:
 * SPEC.md, GRP160 and on. After GroupMetadataManager.classicGroup…ToConsumerGroup.
 */
import type { HeartbeatRequest } from "../../protocol/api/12-heartbeat.ts";
import type { LeaveGroupRequest, LeaveGroupResponseInput } from "../../protocol/api/13-leave-group.ts";
import type { JoinGroupRequest, JoinGroupResponseInput } from "../../protocol/api/11-join-group.ts";
import type { SyncGroupRequest, SyncGroupResponseInput } from "../../protocol/api/14-sync-group.ts";
import type { ConsumerSubscription } from "../../protocol/consumer-protocol.ts";
import {
  CONSUMER_PROTOCOL_TYPE,
  consumerProtocolVersion,
  decodeConsumerSubscription,
  encodeConsumerAssignment,
} from "../../protocol/consumer-protocol.ts";
import { ErrorCode, KafkaError, ProtocolError } from "../../protocol/errors.ts";
import type { TopicPartitions } from "../assignors/assignor.ts";
import type { GroupTurn } from "../group.ts";
import type { GroupClient } from "../messages.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import { staticMember, throwIfFull } from "./heartbeat.ts";
import type { ConsumerMember, MemberMetadata } from "./member.ts";
import { MemberState, newMember, partitionsOf } from "./member.ts";

/** From here on a dynamic member must ask for a member id first (KIP-394). */
const MEMBER_ID_REQUIRED_VERSION = 4;
