// One number, large, its unit smaller and lighter.
import styles from './measure.module.css'

type MeasureProps = { readonly label: string; readonly number: string; readonly unit: string; readonly isOld: boolean }

export function Measure({ label, number, unit, isOld }: MeasureProps) {
  return (
    <div className={styles.root}>
      <div className={styles.label}>{label}</div>
      <div className={styles.value} data-old={isOld}>
        {number} <span className={styles.unit}>{unit}</span>
      </div>
    </div>
  )
}
