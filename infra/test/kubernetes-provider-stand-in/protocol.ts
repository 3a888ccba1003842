/** The gRPC side of the stand-in: `pulumirpc.ResourceProvider`, as @pulumi/pulumi ships its definition. */
import { createRequire } from "node:module";
import { messageOf } from "@chatcluster/foundation/errors";
import { type ServerUnaryCall, type sendUnaryData, status, type UntypedServiceImplementation } from "@grpc/grpc-js";
import type * as providerMessages from "@pulumi/pulumi/proto/provider_pb.js";
import { Cluster } from "./cluster.ts";
import { helmTemplate } from "./helm-template.ts";
import { idOf, type KubernetesObject, withoutSecrets } from "./object.ts";
import { apply, check, diff, objectOf } from "./resources.ts";

const require = createRequire(import.meta.url);
const messages = require("@pulumi/pulumi/proto/provider_pb.js") as typeof providerMessages;
const plugin = require("@pulumi/pulumi/proto/plugin_pb.js") as typeof import("@pulumi/pulumi/proto/plugin_pb.js");
const { Empty } =
  require("google-protobuf/google/protobuf/empty_pb.js") as typeof import("google-protobuf/google/protobuf/empty_pb.js");
const { Struct } =
  require("google-protobuf/google/protobuf/struct_pb.js") as typeof import("google-protobuf/google/protobuf/struct_pb.js");
const grpc =
  require("@pulumi/pulumi/proto/provider_grpc_pb.js") as typeof import("@pulumi/pulumi/proto/provider_grpc_pb.js");

export const ResourceProviderService = grpc.ResourceProviderService;

type Message = InstanceType<typeof Struct> | undefined;

export function resourceProvider(): UntypedServiceImplementation {
  let cluster: Cluster | undefined;
  const configured = (): Cluster => {
    if (!cluster) throw new Error("the provider was not configured");
    return cluster;
  };
  return {
    getPluginInfo: unary(async () => new plugin.PluginInfo().setVersion("4.34.2")),
    cancel: unary(async () => new Empty()),
    attach: unary(async () => new Empty()),
    checkConfig: unary(async (request: providerMessages.CheckRequest) => {
      const response = new messages.CheckResponse().setInputs(request.getNews());
      const { kubeconfig } = plain(request.getNews()) as { kubeconfig?: unknown };
      if (typeof kubeconfig === "string" && kubeconfig !== "") return response;
      return response.setFailuresList([
        failure({ property: "kubeconfig", reason: "is required: the stand-in reads no file by itself" }),
      ]);
    }),
    diffConfig: unary(async (request: providerMessages.DiffRequest) =>
      differing(
        diff(
          plain(request.getOldInputs()) as unknown as KubernetesObject,
          plain(request.getNews()) as unknown as KubernetesObject,
        ).changed,
        [],
      ),
    ),
    configure: unary(async (request: providerMessages.ConfigureRequest) => {
      const { kubeconfig, context } = plain(request.getArgs()) as { kubeconfig: string; context?: string };
      cluster = new Cluster(kubeconfig, context);
      return new messages.ConfigureResponse().setSupportspreview(true);
    }),
    invoke: unary(async (request: providerMessages.InvokeRequest) => {
      if (request.getTok() !== "kubernetes:helm:template")
        throw new Error(`the stand-in has no function ${request.getTok()}`);
      const { jsonOpts } = plain(request.getArgs()) as { jsonOpts: string };
      const result = await helmTemplate(jsonOpts, await configured().version());
      return new messages.InvokeResponse().setReturn(struct({ result }));
    }),
    check: unary(async (request: providerMessages.CheckRequest) => {
      const { inputs, failures } = await check(configured(), typeOf(request.getUrn()), object(request.getNews()));
      return new messages.CheckResponse().setInputs(struct(inputs)).setFailuresList(failures.map(failure));
    }),
    diff: unary(async (request: providerMessages.DiffRequest) => {
      const { changed, replacing } = diff(object(request.getOldInputs()), object(request.getNews()));
      return differing(changed, replacing);
    }),
    create: unary(async (request: providerMessages.CreateRequest) => {
      const inputs = object(request.getProperties());
      const live = await apply(configured(), inputs, request.getPreview(), request.getTimeout());
      return new messages.CreateResponse().setId(request.getPreview() ? "" : idOf(inputs)).setProperties(struct(live));
    }),
    update: unary(async (request: providerMessages.UpdateRequest) => {
      const live = await apply(configured(), object(request.getNews()), request.getPreview(), request.getTimeout());
      return new messages.UpdateResponse().setProperties(struct(live));
    }),
    read: unary(async (request: providerMessages.ReadRequest) => {
      const live = await configured().read(objectOf(typeOf(request.getUrn()), request.getId()));
      if (!live) return new messages.ReadResponse();
      const response = new messages.ReadResponse().setId(request.getId()).setProperties(struct(live));
      return response.setInputs(request.getInputs() ?? struct(live));
    }),
    delete: unary(async (request: providerMessages.DeleteRequest) => {
      const timeout = request.getTimeout();
      await configured().delete(objectOf(typeOf(request.getUrn()), request.getId()), timeout > 0 ? timeout : 600);
      return new Empty();
    }),
  };
}

function unary<Request, Response>(answer: (request: Request) => Promise<Response>) {
  return (call: ServerUnaryCall<Request, Response>, reply: sendUnaryData<Response>): void => {
    answer(call.request).then(
      (response) => reply(null, response),
      (error: unknown) => reply({ code: status.UNKNOWN, details: messageOf(error) }),
    );
  };
}

function differing(changed: string[], replacing: string[]): providerMessages.DiffResponse {
  const { DIFF_NONE, DIFF_SOME } = messages.DiffResponse.DiffChanges;
  return new messages.DiffResponse()
    .setChanges(changed.length > 0 ? DIFF_SOME : DIFF_NONE)
    .setDiffsList([...new Set(changed.map((path) => path.split(".")[0] ?? path))])
    .setReplacesList(replacing)
    .setDeletebeforereplace(replacing.length > 0);
}

function failure({ property, reason }: { property: string; reason: string }): providerMessages.CheckFailure {
  return new messages.CheckFailure().setProperty(property).setReason(reason);
}

/** The type in `urn:pulumi:stack::project::parent$type::name`. */
function typeOf(urn: string): string {
  return urn.split("::")[2]?.split("$").at(-1) ?? "";
}

function plain(message: Message): Record<string, unknown> {
  return withoutSecrets(message?.toJavaScript() ?? {}) as Record<string, unknown>;
}

function object(message: Message): KubernetesObject {
  return plain(message) as KubernetesObject;
}

function struct(value: object): InstanceType<typeof Struct> {
  const { metadata, ...rest } = value as { metadata?: Record<string, unknown> };
  // Who owns which field is the API server's business, and would show as a change in every preview.
  const kept = metadata && Object.fromEntries(Object.entries(metadata).filter(([key]) => key !== "managedFields"));
  const json = JSON.parse(JSON.stringify({ ...rest, ...(kept && { metadata: kept }) })) as Parameters<
    typeof Struct.fromJavaScript
  >[0];
  return Struct.fromJavaScript(json);
}
