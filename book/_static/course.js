// Paper is white: a page that is printed in the dark theme is printed in the light one.
(function () {
  const root = document.documentElement;
  let before = "";

  window.addEventListener("beforeprint", function () {
    before = root.dataset.theme;
    root.dataset.theme = "light";
  });

  window.addEventListener("afterprint", function () {
    root.dataset.theme = before;
  });
})();

// In tables, quizzes and exercises, a name in code may break after each of its parts, and need not inside one.
window.addEventListener("DOMContentLoaded", function () {
  for (const code of document.querySelectorAll(".bd-article :is(table, .text_html) code")) {
    const texts = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
    const found = [];
    while (texts.nextNode()) found.push(texts.currentNode);
    for (const text of found) {
      const parts = text.data.split(/(?<=[_.(=,/:])(?=.)/);
      text.replaceWith(...parts.flatMap((part, i) => (i ? [document.createElement("wbr"), part] : [part])));
    }
    code.classList.add("in-parts");
  }
});

// What scrolls can be reached with the keyboard. The theme looks only a third of a second after the page has changed,
// and not when fonts arrive, with which code is wider.
(function () {
  const BOXES = "pre, .cell_output > .output, .jp-RenderedHTMLCommon, .pst-scrollable-table-container";
  let asked = false;

  function reachable() {
    asked = false;
    for (const box of document.querySelectorAll(BOXES)) {
      if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) box.tabIndex = 0;
    }
  }

  function ask() {
    if (!asked) requestAnimationFrame(reachable);
    asked = true;
  }

  window.addEventListener("DOMContentLoaded", function () {
    const watched = new ResizeObserver(ask);
    for (const box of document.querySelectorAll(BOXES)) {
      for (const each of [box, ...box.children]) watched.observe(each);
    }
    new MutationObserver(ask).observe(document.body, { subtree: true, childList: true, attributeFilter: ["tabindex"] });
    document.fonts.addEventListener("loadingdone", ask);
    ask();
  });
})();
