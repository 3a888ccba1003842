declare module "cluster-key-slot" {
  /** The slot of a key: CRC16 of what stands between the first braces, or of all of it, modulo 16384. */
  export default function slotOf(key: string): number;
}
