// Moves while the stream runs; stands still, changes its shape and says since when it does not.
import styles from './heartbeat.module.css'

type HeartbeatProps = { readonly phase: 'connecting' | 'live' | 'lost'; readonly text: string; readonly why?: string }

export function Heartbeat({ phase, text, why }: HeartbeatProps) {
  return (
    <span className={styles.root} data-phase={phase} role="status" title={why}>
      <span className={styles.dot} aria-hidden />
      {text}
    </span>
  )
}
