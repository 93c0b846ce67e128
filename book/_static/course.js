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
