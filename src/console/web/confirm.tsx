/** Asks before something is done that cannot be taken back. Runs in the browser. */
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';

interface ConfirmProps {
  readonly title: string;
  readonly action: string;
  readonly isDangerous?: boolean;
  readonly onConfirm: () => void;
  readonly onCancel: () => void;
  readonly children: ComponentChildren;
}

export function Confirm({ title, action, isDangerous = false, onConfirm, onCancel, children }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const text = useId();
  // A modal dialog keeps the focus inside and gives it back where it came from.
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} aria-labelledby={heading} aria-describedby={text} onClose={onCancel}>
      <h2 id={heading}>{title}</h2>
      <p id={text}>{children}</p>
      <div class="buttons">
        <button type="button" onClick={() => dialog.current?.close()}>
          Cancel
        </button>
        <button type="button" class={isDangerous ? 'danger' : 'primary'} onClick={onConfirm}>
          {action}
        </button>
      </div>
    </dialog>
  );
}
