import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { operatorValues, sampleValues, splitRef, whatIsMissing } from "./sample.ts";

const images = {
  "chat-server": "localhost/chatcluster/chat-server:1",
  operator: "localhost/chatcluster/operator:2",
  redis: "localhost/chatcluster/redis:3",
  cassandra: "localhost/chatcluster/cassandra:4",
  haproxy: "localhost/chatcluster/haproxy:5",
};

describe("the values of the sample", () => {
  it("name the images that were built", () => {
    assert.deepEqual(operatorValues(images), {
      image: { repository: "localhost/chatcluster/operator", tag: "2", pullPolicy: "IfNotPresent" },
    });
    assert.deepEqual(sampleValues(images), {
      spec: {
        images: {
          chatServer: images["chat-server"],
          ingressAgent: images.operator,
          redis: images.redis,
          cassandra: images.cassandra,
          haproxy: images.haproxy,
        },
      },
    });
  });

  it("need a tag, which a port is not", () => {
    assert.deepEqual(splitRef("host:5000/a/b:tag"), { repository: "host:5000/a/b", tag: "tag" });
    assert.throws(() => splitRef("host:5000/a/b"), { code: "invalid_image" });
  });
});

describe("what a ChatCluster waits for", () => {
  const condition = (type: string, status: string, message = "", observedGeneration = 2) => ({
    type,
    status,
    message,
    reason: "Because",
    observedGeneration,
  });
  const chatCluster = (...conditions: ReturnType<typeof condition>[]) => ({
    metadata: { generation: 2 },
    status: { conditions },
  });

  it("is nothing once it is Ready for this generation", () => {
    assert.equal(whatIsMissing(chatCluster(condition("Ready", "True"))), undefined);
    assert.match(whatIsMissing(chatCluster(condition("Ready", "True", "", 1))) ?? "", /has not seen the change/);
  });

  it("is told in the words of the conditions of its components", () => {
    const waiting = chatCluster(
      condition("Ready", "False", "components are not ready"),
      condition("CassandraReady", "False", "0 of 1 nodes are up"),
      condition("RedisReady", "True"),
      condition("Paused", "False"),
    );
    assert.equal(whatIsMissing(waiting), "CassandraReady: 0 of 1 nodes are up");
    assert.equal(whatIsMissing(chatCluster(condition("Ready", "False", "no license"))), "Ready: no license");
    assert.equal(whatIsMissing(chatCluster(condition("Ready", "False"))), "Ready: Because");
    assert.match(whatIsMissing({ metadata: { generation: 1 } }) ?? "", /has not seen it yet/);
  });
});
