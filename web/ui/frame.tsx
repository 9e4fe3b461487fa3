// The room that pages stand in: a rail on a desk, a bar at the thumb on a phone; or, signed out, one narrow column.
import type { ReactNode } from 'react'
import styles from './frame.module.css'

type FrameProps = {
  readonly name: string
  readonly navigation: string
  readonly skip: string
  readonly links: ReactNode
  readonly foot?: ReactNode
  readonly children: ReactNode
}

export function Frame({ name, navigation, skip, links, foot, children }: FrameProps) {
  return (
    <div className={styles.frame}>
      <a className={styles.skip} href="#content">
        {skip}
      </a>
      <div className={styles.rail}>
        <Brand name={name} />
        <nav className={styles.nav} aria-label={navigation}>
          {links}
        </nav>
        {foot && <div className={styles.foot}>{foot}</div>}
      </div>
      <main className={styles.main} id="content" tabIndex={-1}>
        {children}
      </main>
    </div>
  )
}

export function OpenFrame({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <main className={styles.open}>
      <Brand name={name} isOpen />
      {children}
    </main>
  )
}

function Brand({ name, isOpen = false }: { readonly name: string; readonly isOpen?: boolean }) {
  return (
    <div
      className={isOpen ? undefined : styles.brand}
      style={
        isOpen
          ? { alignItems: 'center', display: 'flex', fontWeight: 650, gap: '0.6rem', marginBottom: '1.5rem' }
          : undefined
      }
    >
      <img src="/icon.svg" alt="" width={26} height={26} />
      {name}
    </div>
  )
}
