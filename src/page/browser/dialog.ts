/** Asks before something is changed. The browser's own dialog element keeps the focus inside and gives it back. */
import { button, el } from './dom.ts';

export interface Question {
  readonly title: string;
  /** What will happen. */
  readonly text: string;
  /** "Drain listeners". */
  readonly act: string;
}

/** @returns whether it was agreed to */
export function confirmed(question: Question): Promise<boolean> {
  return new Promise((resolve) => {
    const dialog = el('dialog', { 'aria-labelledby': 'dialog-title', 'aria-describedby': 'dialog-text' });
    const end = (answer: boolean) => {
      dialog.close();
      dialog.remove();
      resolve(answer);
    };
    const cancel = button('Cancel', () => end(false), { autofocus: true });
    dialog.append(
      el('h2', { id: 'dialog-title' }, question.title),
      el('p', { id: 'dialog-text' }, question.text),
      el(
        'div',
        { class: 'dialog-buttons' },
        cancel,
        button(question.act, () => end(true), { class: 'danger' }),
      ),
    );
    dialog.addEventListener('cancel', (event) => {
      event.preventDefault();
      end(false);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
