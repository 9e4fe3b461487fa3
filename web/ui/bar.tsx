// A percentage as a bar, with its meaning in words beside it. Unknown is hatched, never empty.
import styles from './bar.module.css'

type BarProps = {
  readonly label: string
  /** 0 to 100; `undefined` is unknown. */
  readonly percent: number | undefined
  readonly text: string
  readonly tone?: 'normal' | 'battery' | 'critical'
  readonly isOld?: boolean
}

export function Bar({ label, percent, text, tone = 'normal', isOld = false }: BarProps) {
  const width = percent === undefined ? 0 : Math.min(100, Math.max(0, percent))
  return (
    <div>
      <div className={styles.head}>
        <span className={styles.label}>{label}</span>
        <span className={styles.text}>{text}</span>
      </div>
      <div
        className={styles.track}
        data-unknown={percent === undefined}
        {...(percent === undefined
          ? { 'aria-hidden': true }
          : {
              role: 'meter',
              'aria-label': label,
              'aria-valuemin': 0,
              'aria-valuemax': 100,
              'aria-valuenow': width,
              'aria-valuetext': text,
            })}
      >
        <div className={`${styles.fill} ${isOld ? styles.old : ''}`} data-tone={tone} style={{ width: `${width}%` }} />
      </div>
    </div>
  )
}
