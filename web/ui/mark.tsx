// Yes or no as a sign and a word, green or red on top of them.
import { IconCircleCheck, IconCircleX } from '@tabler/icons-react'
import styles from './mark.module.css'

export function Mark({ isOn, children }: { readonly isOn: boolean; readonly children: string }) {
  const Icon = isOn ? IconCircleCheck : IconCircleX
  return (
    <span className={styles.mark} data-on={isOn}>
      <Icon size={18} aria-hidden />
      {children}
    </span>
  )
}
