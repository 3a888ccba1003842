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

test("rate, log and PROXY protocol of the spec are HAProxy's", () => {
  const { config } = ingress({ connectionRatePerAddress: 40, accessLog: true, proxyProtocol: true });
  assert.match(config, /sc0_conn_rate gt 40 /);
  assert.match(config, /log-format/);
  assert.match(config, /bind :8080 accept-proxy/);
});
