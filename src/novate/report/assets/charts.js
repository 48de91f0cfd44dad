/* Draws the charts of a report. Colours come from the page's style, so that light and dark need no second copy. */
(function () {
  "use strict";
  const specs = JSON.parse(document.getElementById("chart-data").textContent);
  const plots = [];
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const two = (number) => String(number).padStart(2, "0");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const number = (value, digits) =>
    value === null || value === undefined
      ? "–"
      : value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

  function stamp(seconds, intraday) {
    const t = new Date(seconds * 1000);
    const day = t.getUTCFullYear() + "-" + two(t.getUTCMonth() + 1) + "-" + two(t.getUTCDate());
    return intraday ? day + " " + two(t.getUTCHours()) + ":" + two(t.getUTCMinutes()) : day;
  }

  function axisTime(_, splits) {
    const step = splits.length > 1 ? splits[1] - splits[0] : 86400;
    return splits.map((seconds) => {
      const t = new Date(seconds * 1000);
      if (step >= 27 * 86400) return months[t.getUTCMonth()] + " " + t.getUTCFullYear();
      if (step >= 86400 || (t.getUTCHours() === 0 && t.getUTCMinutes() === 0))
        return t.getUTCDate() + " " + months[t.getUTCMonth()];
      return two(t.getUTCHours()) + ":" + two(t.getUTCMinutes());
    });
  }

  function crisisBand(spec) {
    return {
      hooks: {
        drawClear: (u) => {
          const left = Math.max(u.valToPos(spec.crisis[0], "x", true), u.bbox.left);
          const right = Math.min(u.valToPos(spec.crisis[1], "x", true), u.bbox.left + u.bbox.width);
          if (right <= left) return;
          u.ctx.save();
          u.ctx.fillStyle = colour("crisis");
          u.ctx.fillRect(left, u.bbox.top, Math.max(right - left, 2), u.bbox.height);
          u.ctx.restore();
        },
      },
    };
  }

  function series(spec, trace) {
    const stroke = colour(trace.colour);
    const shape = {
      label: trace.label,
      stroke,
      width: 1.75,
      points: { show: false },
      value: (_, __, ___, index) => number(index === null ? null : trace.raw[index], spec.digits),
    };
    if (trace.dash) shape.dash = [5, 4];
    if (trace.kind === "area") Object.assign(shape, { fill: stroke, width: 0 });
    if (trace.kind === "bar")
      Object.assign(shape, { fill: stroke, width: 0, paths: uPlot.paths.bars({ size: [0.92, 26, 1] }) });
    if (trace.kind === "point")
      Object.assign(shape, {
        width: 0,
        paths: () => null,
        points: { show: true, size: 5, width: 1, stroke, fill: colour("card") },
      });
    return shape;
  }

  function draw(spec) {
    const place = document.getElementById("chart-" + spec.key);
    if (!place) return;
    place.textContent = "";
    const font = "12px " + getComputedStyle(document.body).fontFamily;
    const axis = { stroke: colour("soft"), font, labelFont: font, grid: { stroke: colour("grid"), width: 1 } };
    const ticks = { stroke: colour("grid"), width: 1, size: 5 };
    plots.push(
      new uPlot(
        {
          width: place.clientWidth,
          height: place.clientWidth < 560 ? 240 : 300,
          tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
          cursor: { sync: { key: "run" }, points: { show: false } },
          legend: { live: true, markers: { width: 0, fill: (u, i) => u.series[i].stroke(u, i) } },
          scales: { y: { range: (_, low, high) => yRange(spec, low, high) } },
          series: [
            { label: "Time", value: (_, seconds) => (seconds === null ? "–" : stamp(seconds, spec.intraday)) },
            ...spec.traces.map((trace) => series(spec, trace)),
          ],
          axes: [
            { ...axis, ticks, values: axisTime, space: 90 },
            {
              ...axis,
              ticks,
              label: spec.axis,
              labelSize: 22,
              size: 64,
              values: (_, splits) => {
                const step = splits.length > 1 ? Math.abs(splits[1] - splits[0]) : 1;
                let digits = 0;
                while (digits < 6 && Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-6) digits++;
                return splits.map((value) => number(value, digits));
              },
            },
          ],
          plugins: [crisisBand(spec)],
        },
        [spec.x, ...spec.traces.map((trace) => trace.y)],
        place,
      ),
    );
    rest(plots[plots.length - 1]);
  }

  /* Without a pointer on it, the legend says how it ended. */
  function rest(plot) {
    const end = () => plot.setLegend({ idx: plot.data[0].length - 1 });
    plot.over.addEventListener("mouseleave", () => requestAnimationFrame(end));
    requestAnimationFrame(end);
  }

  /* Amounts start at zero; prices, which are rebased, show their own span. */
  function yRange(spec, low, high) {
    if (low === null) return [0, 1];
    if (spec.key === "prices") {
      const air = Math.max((high - low) * 0.06, 1);
      return [low - air, high + air];
    }
    return [Math.min(0, low), high > 0 ? high * 1.06 : 1];
  }

  function drawAll() {
    while (plots.length) plots.pop().destroy();
    specs.forEach(draw);
  }

  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  let width = document.documentElement.clientWidth;
  addEventListener("resize", () => {
    if (document.documentElement.clientWidth === width) return;
    width = document.documentElement.clientWidth;
    requestAnimationFrame(drawAll);
  });
})();
