/** Topics by regular expression: RE2, as in Kafka (TopicRegexResolver), so that no pattern takes forever. */
import { RE2JS } from "re2js";
import { TOPIC_PATTERN_CHARS_MAX, TOPIC_PATTERN_INSTRUCTIONS_MAX } from "../../constants.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";

/**
 * Says which names the pattern matches as a whole.
 * @throws KafkaError INVALID_REGULAR_EXPRESSION
 */
export function compilePattern(pattern: string): (name: string) => boolean {
  if (pattern.length > TOPIC_PATTERN_CHARS_MAX) {
    throw invalid(
      pattern,
      `it has ${pattern.length} characters, at most ${TOPIC_PATTERN_CHARS_MAX} are allowed`,
    );
  }
  const compiled = compile(pattern);
  const size = compiled.programSize();
  if (size > TOPIC_PATTERN_INSTRUCTIONS_MAX) {
    throw invalid(
      pattern,
      `it compiles to ${size} instructions, at most ${TOPIC_PATTERN_INSTRUCTIONS_MAX} are allowed`,
    );
  }
  return (name) => compiled.testExact(name);
}

function compile(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    throw invalid(pattern, error instanceof Error ? error.message : String(error));
  }
}

function invalid(pattern: string, why: string): KafkaError {
  return new KafkaError(
    ErrorCode.INVALID_REGULAR_EXPRESSION,
    `SubscribedTopicRegex \`${pattern.slice(0, 100)}\` is not a valid regular expression: ${why}.`,
  );
}
