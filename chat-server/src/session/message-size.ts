import { CodedError } from "@chatcluster/foundation/errors";
import type { ClientFrame, Limits } from "@chatcluster/protocol";

/**
 * Whether what a frame carries is as long as this server takes; the protocol's own bounds have been checked before.
 * @throws CodedError `message_too_long`
 */
export function checkMessageSize(frame: ClientFrame, { textLength, dataBytes }: Limits): void {
  if ((frame.type === "send" || frame.type === "edit_message") && frame.text.length > textLength)
    throw new CodedError("message_too_long", `text: longer than ${textLength}`);
  if (frame.type === "publish" && Buffer.byteLength(frame.data, "base64") > dataBytes)
    throw new CodedError("message_too_long", `data: longer than ${dataBytes} bytes`);
}
