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

// What scrolls can be reached with the keyboard. The theme looks before fonts are there, and code is wider afterwards.
(function () {
  function reachable() {
    for (const code of document.querySelectorAll(".bd-article pre")) {
      if (code.scrollWidth > code.clientWidth) code.tabIndex = 0;
    }
  }

  window.addEventListener("load", function () {
    document.fonts.ready.then(reachable);
  });
  window.addEventListener("resize", function () {
    setTimeout(reachable, 500); // after the theme's own look
  });
})();
