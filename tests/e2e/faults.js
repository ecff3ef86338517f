/* What is wrong with the page as it stands, as a list of sentences. Reads only; run at the width under test.
   `foreign` selects parts that are not looked into. */
(foreign) => {
  const faults = [];
  const name = (element) => {
    const text = (element.innerText || element.getAttribute("aria-label") || "").trim().replace(/\s+/g, " ").slice(0, 40);
    const classes = typeof element.className === "string" && element.className ? "." + element.className.trim().split(/\s+/).join(".") : "";
    return `<${element.tagName.toLowerCase()}${classes}>${text}`;
  };
  const shown = (element) => !element.closest(foreign) && element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const root = document.documentElement;

  // The frame of the page.
  if (!document.title.trim()) faults.push("has no title");
  if (!root.lang) faults.push("does not say its language");
  const headings = [...document.querySelectorAll("h1")].filter(shown).length;
  if (headings !== 1) faults.push(`has ${headings} h1 headings`);
  if (root.scrollWidth > root.clientWidth) {
    const wide = [...document.body.querySelectorAll("*")].find((element) => shown(element) && element.getBoundingClientRect().right > root.clientWidth + 1 && ![...element.children].some((child) => child.getBoundingClientRect().right > root.clientWidth + 1));
    faults.push(`scrolls sideways: ${root.scrollWidth} px wide in ${root.clientWidth}${wide ? ", because of " + name(wide) : ""}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  const twice = ids.filter((id, index) => ids.indexOf(id) !== index);
  if (twice.length) faults.push(`has the id ${twice[0]} twice`);

  // Text that is cut: its box hides what does not fit, without dots that say so or a way to scroll to it.
  const isHiddenForEyes = (element, style) => element.clientWidth <= 1 || element.clientHeight <= 1 || style.clipPath !== "none";
  const SCROLLED_BY_SCRIPT = ".simplebar-content-wrapper"; // the ops theme's
  const CUTS = new Set(["hidden", "clip"]);
  for (const element of document.body.querySelectorAll("*")) {
    if (element instanceof SVGElement || !shown(element) || !element.innerText?.trim()) continue;
    const style = getComputedStyle(element);
    if (element.matches(SCROLLED_BY_SCRIPT) || isHiddenForEyes(element, style) || style.textOverflow === "ellipsis" || style.webkitLineClamp !== "none") continue;
    if (CUTS.has(style.overflowX) && element.scrollWidth > element.clientWidth + 1) faults.push(`cuts its text at the side: ${name(element)}`);
    if (CUTS.has(style.overflowY) && element.scrollHeight > element.clientHeight + 1) faults.push(`cuts its text below: ${name(element)}`);
  }

  // Pieces of text that lie on each other. What a scrolling box hides is left out, by cutting each piece to its boxes.
  const visiblePart = (rect, element) => {
    let { left, top, right, bottom } = rect;
    for (let box = element; box && box !== document.body; box = box.parentElement) {
      const style = getComputedStyle(box);
      if (isHiddenForEyes(box, style) && style.display !== "inline" && !(box instanceof SVGElement)) return null;
      if (style.overflowX === "visible" && style.overflowY === "visible") continue;
      const edge = box.getBoundingClientRect();
      left = Math.max(left, edge.left); right = Math.min(right, edge.right);
      top = Math.max(top, edge.top); bottom = Math.min(bottom, edge.bottom);
    }
    return right - left > 2 && bottom - top > 2 ? { left, top, right, bottom } : null;
  };
  const isFloating = (element) => {
    for (let box = element; box; box = box.parentElement) if (["fixed", "sticky"].includes(getComputedStyle(box).position)) return true;
    return false;
  };
  const pieces = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element || !shown(element) || element.closest("title, desc, script, style, noscript, option, textarea") || isFloating(element)) continue;
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    for (const rect of range.getClientRects()) {
      const part = visiblePart(rect, element);
      if (part) pieces.push({ element, ...part });
    }
  }
  pieces.sort((a, b) => a.top - b.top);
  const told = new Set();
  for (let i = 0; i < pieces.length; i++) {
    for (let j = i + 1; j < pieces.length && pieces[j].top < pieces[i].bottom; j++) {
      const [a, b] = [pieces[i], pieces[j]];
      if (a.element === b.element) continue;
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across < 3 || down < 0.4 * Math.min(a.bottom - a.top, b.bottom - b.top)) continue;
      const fault = `has text on text: ${name(a.element)} and ${name(b.element)}`;
      if (!told.has(fault)) faults.push(fault);
      told.add(fault);
    }
  }

  // Pictures that did not come, and anchors that lead nowhere.
  for (const image of document.images) if (image.complete && !image.naturalWidth) faults.push(`has a broken picture: ${image.currentSrc || image.src}`);
  for (const link of document.querySelectorAll('a[href^="#"]')) {
    const target = link.getAttribute("href").slice(1);
    if (target && shown(link) && !document.getElementById(decodeURIComponent(target))) faults.push(`has a link to #${target}, which is nowhere`);
  }
  return faults;
}
