// What this process does when access changes: it cuts viewers and waits for reads.
import type { EdgeHooks } from '@ridethrough/db/edge.ts'
import type { LiveHub } from './live/hub.ts'
import type { Metrics } from './metrics.ts'
import type { Reads } from './reads.ts'

export function createEdgeHooks({ hub, reads, metrics }: { hub: LiveHub; reads: Reads; metrics: Metrics }): EdgeHooks {
  return {
    async changed(principals) {
      // The viewers first: they are cut at once, while a read may take its second.
      const viewers = hub.changed(principals)
      const connections = await reads.settle(principals)
      return { subscriptions: 0, connections, viewers }
    },
    lost() {
      metrics.serving.set(0)
      hub.lost()
      reads.voidAll()
    },
    regained() {
      metrics.serving.set(1)
    },
  }
}
