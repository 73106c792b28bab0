/**
 * @file What a person sees when the window's own code cannot be loaded or ends before anything is shown: words, not an empty page.
 * A plain script of its own, because the code that would say so is the code that failed.
 */
(() => {
  const show = (reason) => {
    const app = document.querySelector('#app');
    const words = document.querySelector('#last-resort');
    if (app === null || words === null || app.childElementCount > 0) return;
    words.hidden = false;
    document.querySelector('#last-resort-reason').textContent = reason;
  };
  window.addEventListener('error', (event) => show(event.message || 'A file of the window could not be loaded.'), true);
  window.addEventListener('unhandledrejection', (event) => show(String(event.reason)));
})();
