// A list of few things, each with what can be done to it at its end.
import type { ReactNode } from 'react'
import styles from './rows.module.css'

export function Rows({ label, children }: { readonly label: string; readonly children: ReactNode }) {
  return (
    <ul className={styles.rows} aria-label={label}>
      {children}
    </ul>
  )
}

export function Row({ children, actions }: { readonly children: ReactNode; readonly actions?: ReactNode }) {
  return (
    <li className={styles.row}>
      <div className={styles.what}>{children}</div>
      {actions}
    </li>
  )
}
