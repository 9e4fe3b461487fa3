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
      <header className={styles.rail}>
        <Brand name={name} />
        <nav className={styles.nav} aria-label={navigation}>
          {links}
        </nav>
        {foot && <div className={styles.foot}>{foot}</div>}
      </header>
      <main className={styles.main} id="content" tabIndex={-1}>
        {children}
      </main>
    </div>
  )
}

export function OpenFrame({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div className={styles.open}>
      <header>
        <Brand name={name} />
      </header>
      <main>{children}</main>
    </div>
  )
}

/** For somebody without an account, who came to look. */
export function VisitorFrame({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div className={styles.visitor}>
      <header>
        <Brand name={name} />
      </header>
      <main>{children}</main>
    </div>
  )
}

function Brand({ name }: { readonly name: string }) {
  return (
    <div className={styles.brand}>
      <img src="/icon.svg" alt="" width={26} height={26} />
      {name}
    </div>
  )
}
