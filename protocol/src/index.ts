export * from "./binary.ts";
export * from "./client-frames.ts";
export * from "./codes.ts";
export * from "./limits.ts";
export * from "./model.ts";
export * from "./server-frames.ts";
