// Which looks for kept states are still under way: MQTT lets what a SUBSCRIBE brings come after any other answer.
import { RetainedStates } from '@ridethrough/broker/retained.ts'

export type KeptWatch = {
  /** Resolves when every SUBSCRIBE that was answered has been given what is kept, as far as to its connection. */
  settled(): Promise<void>
  stop(): void
}

export function watchKept(): KeptWatch {
  const { prototype } = RetainedStates
  const original = prototype.send
  const underWay = new Set<Promise<unknown>>()
  prototype.send = function (this: RetainedStates, ...args: Parameters<RetainedStates['send']>) {
    const sending = original.apply(this, args)
    const ended: Promise<unknown> = Promise.allSettled([sending]).then(() => underWay.delete(ended))
    underWay.add(ended)
    return sending
  }
  return {
    async settled() {
      while (underWay.size > 0) await Promise.all(underWay)
    },
    stop: () => {
      prototype.send = original
    },
  }
}
