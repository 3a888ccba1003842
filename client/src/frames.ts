import type * as wire from "@chatcluster/protocol";

/** A message of a conversation; `data` instead of a text only in live ones. */
export type Message = Omit<wire.Message, "data"> & { data?: Uint8Array };

/** A frame as the client sees it: bytes, where the protocol has base 64. */
type Decoded<Type> = Type extends wire.Message
  ? Message
  : Type extends readonly (infer Item)[]
    ? Decoded<Item>[]
    : Type extends object
      ? { [Key in keyof Type]: Decoded<Type[Key]> }
      : Type;

export type ServerFrame = Decoded<wire.ServerFrame>;
export type FrameOf<Type extends ServerFrame["type"]> = Extract<ServerFrame, { type: Type }>;
export type MessageEvent = FrameOf<"message">;
export type History = FrameOf<"history">;

type Sent<Frame> = Frame extends wire.Publish
  ? Omit<Frame, "id" | "data"> & { data: Uint8Array }
  : Frame extends wire.ClientFrame
    ? Omit<Frame, "id">
    : never;

/** A frame to send; the connection names it. */
export type Request = Sent<wire.ClientFrame>;
