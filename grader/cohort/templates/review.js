// One key for every action: the element that carries the key's name in data-key is clicked or focused.
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("textarea, input[type=text]");
  if (typing && event.key === "Escape") event.target.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!target || target.disabled) return;
  event.preventDefault();
  if (target.matches("textarea")) target.focus();
  else target.click();
});
