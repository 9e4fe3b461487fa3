// What the process that makes the load is asked, and what it answers.

export type Login = { readonly clientId: string; readonly username: string; readonly password: string }

/** `to` are the indices of the viewers that are to get what this one sends. All topics have the same length. */
export type PublisherSpec = {
  readonly login: Login
  readonly topics: readonly string[]
  readonly to: readonly number[]
}
export type ViewerSpec = { readonly login: Login; readonly filter: string }

/** `full`: as fast as the window lets it. Otherwise so many messages are published each second, whatever comes of them. */
export type Pace = 'full' | { readonly publishedPerSecond: number }

export type RunJob = {
  readonly do: 'run'
  /** A relay is told where the bytes go, and speaks no MQTT. */
  readonly speaks: 'mqtt' | 'relay'
  readonly port: number
  readonly qos: 0 | 1
  readonly payloadBytes: number
  readonly publishers: readonly PublisherSpec[]
  readonly viewers: readonly ViewerSpec[]
  readonly pace: Pace
  /** What may be on its way to one viewer. */
  readonly windowBytes: number
  /** Messages that a publisher hands to its socket at once. */
  readonly burst: number
  /** QoS 1: what a publisher may have without an answer. */
  readonly unanswered: number
  readonly warmMs: number
  /** Warm only when each topic was sent to, where that is not too long. */
  readonly isEachTopicWarmed: boolean
  readonly measureMs: number
  /** Whose processor time is taken. */
  readonly brokerPid: number
}

export type RunResult = {
  readonly seconds: number
  readonly delivered: number
  readonly deliveredPerSecond: number
  readonly brokerCpuSeconds: number
  readonly loadCpuSeconds: number
  readonly cpuMicrosPerMessage: number
  /** Over the whole run, after everything that was on its way has come: due minus come. */
  readonly due: number
  readonly lost: number
  /** Came twice or after a later one of the same publisher. */
  readonly outOfOrder: number
  /** Connections that the broker ended. */
  readonly cut: number
  readonly publishedPerSecond: number
  readonly messagesPerWrite: number
  /** The pace could not be kept: messages that were not sent, because too many were on their way. */
  readonly heldBack: number
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number; readonly samples: number }
}

export type CrowdJob = {
  readonly do: 'crowd'
  readonly port: number
  readonly logins: readonly Login[]
  readonly atOnce: number
}

export type CrowdResult = {
  readonly connected: number
  readonly refused: number
  readonly seconds: number
  readonly connectsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly loadCpuSeconds: number
}

/** Ends the connections of the crowd. */
export type DisperseJob = { readonly do: 'disperse' }

export type Job = RunJob | CrowdJob | DisperseJob
export type JobAnswer = { readonly result: unknown } | { readonly error: string }
