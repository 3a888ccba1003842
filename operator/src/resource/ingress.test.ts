import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleCluster, sampleImages } from "../testing/sample.ts";
import { ingressObjects } from "./ingress.ts";

interface Container {
  name: string;
  ports: { name: string; containerPort: number }[];
  env?: { name: string; value?: string }[];
  volumeMounts: { name: string; mountPath: string }[];
}

function ingress(spec: Record<string, unknown> = {}) {
  const objects = ingressObjects(sampleCluster({ ingress: spec }), sampleImages);
  const of = (kind: string) => {
    const found = objects.find((object) => object.kind === kind);
    assert.ok(found, kind);
    return found;
  };
  const { template } = of("Deployment").spec as {
    template: { spec: { containers: Container[]; volumes: { name: string; secret?: unknown }[] } };
  };
  const [haproxy, agent] = template.spec.containers;
  assert.ok(haproxy && agent);
  const { ports } = of("Service").spec as { ports: { name: string; port: number; nodePort?: number }[] };
  const config = (of("ConfigMap").data as Record<string, string>)["haproxy.cfg"] ?? "";
  return { haproxy, agent, volumes: template.spec.volumes, ports, config };
}

test("with TLS the Service has port 443 only, and HAProxy and its agent have the Secret's files", () => {
  const { haproxy, agent, volumes, ports, config } = ingress({
    tls: { secretName: "chat-tls" },
    service: { type: "NodePort", nodePort: 30443 },
  });
  assert.deepEqual(ports, [{ name: "https", port: 443, targetPort: "https", protocol: "TCP", nodePort: 30443 }]);
  assert.deepEqual(haproxy.ports[0], { name: "https", containerPort: 8443, protocol: "TCP" });
  const items = [
    { key: "tls.crt", path: "tls.pem" },
    { key: "tls.key", path: "tls.pem.key" },
  ];
  assert.deepEqual(volumes.find(({ name }) => name === "tls")?.secret, { secretName: "chat-tls", items });
  for (const { name, volumeMounts } of [haproxy, agent])
    assert.ok(
      volumeMounts.some(({ mountPath }) => mountPath === "/etc/haproxy/tls"),
      name,
    );
  assert.equal(agent.env?.find(({ name }) => name === "AGENT_CERTIFICATE")?.value, "/etc/haproxy/tls/tls.pem");
  assert.match(config, /bind :8443 ssl crt \/etc\/haproxy\/tls\/tls\.pem alpn h2,http\/1\.1 ssl-min-ver TLSv1\.2/);
  assert.match(config, /Strict-Transport-Security "max-age=31536000"/);
});

test("without TLS there is no trace of it", () => {
  const { haproxy, agent, volumes, ports, config } = ingress();
  assert.deepEqual(ports, [{ name: "http", port: 8080, targetPort: "http", protocol: "TCP" }]);
  assert.doesNotMatch(
    JSON.stringify([haproxy, agent, volumes]) + config,
    /haproxy\/tls|tls\.pem|8443|CERTIFICATE|Strict-Transport/,
  );
});

test("mode Ingress makes one Ingress, of every path and host, to the chat servers' Service", () => {
  const objects = (spec: object) =>
    ingressObjects(sampleCluster({ ingress: { mode: "Ingress", ingress: spec } }), sampleImages);
  const [made, ...others] = objects({
    className: "public",
    hosts: ["chat.example", "*.chat.example"],
    tls: { secretName: "chat-tls" },
    annotations: { "example.com/idle": "100" },
  });
  assert.deepEqual(others, []);
  assert.deepEqual([made?.kind, made?.metadata.name], ["Ingress", "sample-ingress"]);
  assert.deepEqual(made?.metadata.annotations, { "example.com/idle": "100" });
  const backend = { service: { name: "sample-chat", port: { number: 8080 } } };
  const http = { paths: [{ path: "/", pathType: "Prefix", backend }] };
  assert.deepEqual(made?.spec, {
    ingressClassName: "public",
    tls: [{ hosts: ["chat.example", "*.chat.example"], secretName: "chat-tls" }],
    rules: [
      { host: "chat.example", http },
      { host: "*.chat.example", http },
    ],
  });
  assert.deepEqual(objects({})[0]?.spec, { rules: [{ http }] });
});

test("mode Gateway makes one HTTPRoute, whose requests take as long as they take unless the spec says otherwise", () => {
  const spec = (gateway: object) =>
    ingressObjects(sampleCluster({ ingress: { mode: "Gateway", gateway } }), sampleImages).map((object) => [
      `${object.apiVersion} ${object.kind} ${object.metadata.name}`,
      object.spec,
    ]);
  const rule = {
    matches: [{ path: { type: "PathPrefix", value: "/" } }],
    backendRefs: [{ name: "sample-chat", port: 8080 }],
  };
  const name = "gateway.networking.k8s.io/v1 HTTPRoute sample-ingress";
  const parentRefs = [{ name: "public", namespace: "edge", sectionName: "https" }];
  assert.deepEqual(spec({ parentRefs, hostnames: ["chat.example"] }), [
    [name, { parentRefs, hostnames: ["chat.example"], rules: [{ ...rule, timeouts: { request: "0s" } }] }],
  ]);
  assert.deepEqual(spec({ parentRefs, timeouts: {} }), [[name, { parentRefs, rules: [rule] }]]);
});

test("rate, log and PROXY protocol of the spec are HAProxy's", () => {
  const { config } = ingress({ connectionRatePerAddress: 40, accessLog: true, proxyProtocol: true });
  assert.match(config, /sc0_conn_rate gt 40 /);
  assert.match(config, /log-format/);
  assert.match(config, /bind :8080 accept-proxy/);
});
