"use strict";
(function () {
  var input = document.getElementById("search");
  var found = document.getElementById("found");
  var rows = Array.prototype.slice.call(document.querySelectorAll("#table tbody tr"));
  input.parentNode.hidden = false;
  input.addEventListener("input", function () {
    var words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    var shown = 0;
    rows.forEach(function (row) {
      var text = row.textContent.toLowerCase();
      var hit = words.every(function (word) { return text.includes(word); });
      row.hidden = !hit;
      shown += hit ? 1 : 0;
    });
    found.textContent = words.length ? shown + " of " + rows.length : String(rows.length);
  });
})();
