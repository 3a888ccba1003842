import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import type { AgentMetrics } from "./metrics.ts";
import type { RuntimeApi } from "./runtime-api.ts";

export interface CertificateReloaderOptions {
  readonly api: Pick<RuntimeApi, "replaceCertificate">;
  /** Certificate and chain; the key is in `FILE.key`. The kubelet replaces both when the Secret changes. */
  readonly file: string;
  readonly logger: Logger;
  readonly metrics: AgentMetrics;
}

/** Gives HAProxy a renewed certificate while it runs. One that it refuses is said once and changes nothing: it goes on with the old one. */
export class CertificateReloader {
  readonly #options: CertificateReloaderOptions;
  /** What HAProxy has, or has refused: neither is to be given to it again. */
  #seen: string | undefined;
  #problem: string | undefined;

  constructor(options: CertificateReloaderOptions) {
    this.#options = options;
  }

  /** Looks at the files. HAProxy may have been started before they were replaced, so the first look gives it what is there. */
  async reload(): Promise<void> {
    const { api, file, logger, metrics } = this.#options;
    try {
      const certificate = await readFile(file, "utf8");
      const pem = `${certificate}\n${await readFile(`${file}.key`, "utf8")}`;
      if (pem === this.#seen) return;
      const { validTo } = new X509Certificate(certificate);
      await api.replaceCertificate(file, pem).catch((error: unknown) => {
        if (error instanceof CodedError && error.code === "haproxy_unexpected_answer") this.#seen = pem;
        throw error;
      });
      this.#seen = pem;
      this.#problem = undefined;
      metrics.certificateEnd.set(Date.parse(validTo) / 1000);
      metrics.certificateReloads.inc({ result: "ok" });
      logger.info({ file, validTo }, "HAProxy has the certificate");
    } catch (error) {
      const code = error instanceof CodedError ? error.code : "certificate_unreadable";
      metrics.certificateReloads.inc({ result: code });
      // Only HAProxy away is a matter of the whole pass, which is taken again.
      if (code === "haproxy_unavailable" || code === "haproxy_timeout") throw error;
      this.#note(messageOf(error));
    }
  }

  #note(problem: string): void {
    if (problem !== this.#problem)
      this.#options.logger.error({ file: this.#options.file }, `certificate not taken: ${problem}`);
    this.#problem = problem;
  }
}
