import { type Static, Type } from "typebox";

/** A key of a Secret that the user makes. */
function SecretKey(what: string, key: string) {
  return {
    secretName: Type.String({
      minLength: 1,
      maxLength: 253,
      description: `Secret of the same namespace with ${what}. While it is missing, chat works without this service, and Degraded says so.`,
    }),
    key: Type.String({
      default: key,
      pattern: "^[-._a-zA-Z0-9]+$",
      maxLength: 253,
      description: `Key of the Secret with ${what}.`,
    }),
  };
}

const TEN_CHARACTERS = "^[A-Z0-9]{10}$";

/** Apple's push service. */
export const ApnsSpec = Type.Object(
  {
    ...SecretKey("the signing key (AuthKey_….p8)", "key.p8"),
    keyId: Type.String({ pattern: TEN_CHARACTERS, description: "Id of the signing key, ten letters and digits." }),
    teamId: Type.String({ pattern: TEN_CHARACTERS, description: "Id of the team, ten letters and digits." }),
    topic: Type.String({ pattern: "^[A-Za-z0-9.-]{1,255}$", description: "The app's bundle id." }),
    environment: Type.Union([Type.Literal("production"), Type.Literal("sandbox")], {
      default: "production",
      description: "Which of Apple's services is used: `sandbox` for development builds of the app.",
    }),
  },
  { description: "Pushes to iOS devices by APNs." },
);

/** Firebase Cloud Messaging. */
export const FcmSpec = Type.Object(SecretKey("the service account's key file, JSON", "service-account.json"), {
  description: "Pushes to Android devices by Firebase Cloud Messaging.",
});

/** Web Push with VAPID (RFC 8292). */
export const WebPushSpec = Type.Object(
  {
    ...SecretKey("the VAPID private key, 32 bytes in base64url", "private-key"),
    publicKey: Type.String({
      pattern: "^B[A-Za-z0-9_-]{86}$",
      description: "VAPID public key, 65 bytes in base64url; browsers subscribe with it.",
    }),
    subject: Type.String({
      pattern: "^(mailto:|https://)",
      maxLength: 2048,
      description: "`mailto:` or `https:` address at which a push service reaches you.",
    }),
  },
  { description: "Pushes to browsers by Web Push." },
);

/** Pushes to devices of people who are not connected. */
export const PushSpec = Type.Object(
  {
    apns: Type.Optional(ApnsSpec),
    fcm: Type.Optional(FcmSpec),
    webPush: Type.Optional(WebPushSpec),
    includeText: Type.Optional(
      Type.Boolean({
        description:
          "False keeps text and sender of a message away from the push services; the ids of conversation and message remain. True when left out.",
      }),
    ),
    ttlSeconds: Type.Optional(
      Type.Integer({
        minimum: 60,
        maximum: 2_419_200,
        description: "Seconds after which a push is worthless. 86400 when left out.",
      }),
    ),
  },
  { default: {}, description: "Pushes to devices of people who are not connected; off without a service." },
);

export type PushSpec = Static<typeof PushSpec>;
/** The services by their field in `spec.push`. */
export type PushService = "apns" | "fcm" | "webPush";
export const PUSH_SERVICES: readonly PushService[] = ["apns", "fcm", "webPush"];
