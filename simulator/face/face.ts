// What every wire of a simulated UPS looks like from outside, whichever protocol it speaks.

export type Face = {
  /** The protocol, as in "snmp-v2c". */
  readonly wire: string
  /** Where it is reached: host and port, or the path of a serial line. */
  readonly address: string
  /** May be called again. */
  stop(): Promise<void>
}
