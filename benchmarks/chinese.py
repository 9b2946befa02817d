"""The table of the front page in Chinese, for docs/README.zh-CN.md.

`python -m benchmarks.publish FOLDER README.md` writes it together with the English one, from the
same numbers. What is folded there stands only in the English page.
"""

from __future__ import annotations

import re
from typing import Any

from common.comparison.statistics import Verdict, verdicts
from common.comparison.tables import base_of, markdown_rows, model_name, percent

NAMES = {"softmax regression": "softmax 回归"}
HEAD = ["", "模型", "参数量", "每张图片的乘加次数", "训练时间（秒）", "测试准确率（%）"]
SHIFTED = "平移 2 个像素后的准确率（%）"


def table_in_chinese(results: dict[str, Any]) -> str:
    """Return the table at a glance and its sentences as Markdown.

    Args:
        results: what results.json of a comparison holds, see `tables.markdown_table`.
    """
    models = results["models"]
    head = [*HEAD, f"{models[0]['test_total']:,} 张中的错误数"]
    shifted = all(model.get("shifted_mean") is not None for model in models)
    rows = []
    for k, model in enumerate(models):
        wrong = f"{model['errors_mean']:.0f}"
        base = base_of(results, k)
        if base is not None and models[base]["errors_mean"]:
            row = "上一行" if base == k - 1 else f"第 {base + 1} 行"
            wrong += f"（{row}的 {times(model['errors_mean'], models[base]['errors_mean'])}）"
        rows.append(
            [
                f"{k + 1}",
                _name(model["name"]),
                f"{model['parameters']:,}",
                f"{model['multiply_adds']:,}",
                f"{model['train_seconds']:.1f}",
                percent(model["test_mean"], model["test_std"]),
                wrong,
            ]
        )
        if shifted:
            rows[-1].append(percent(model["shifted_mean"], digits=1))
    if shifted:
        head.append(SHIFTED)
    measured = (
        f"{results['seeds']} 个随机种子的平均值 ± 标准差（训练时间取中位数），测量环境："
        f"{_machine(results['machine'])}。由 `{results['command']}` 生成。"
    )
    more = "各模型的训练设置、验证准确率和检验结果见[英文页面](../README.md)。"
    parts = [markdown_rows(head, rows), _sentences(results), measured + more]
    return "\n\n".join(part for part in parts if part) + "\n"


def times(new: float, old: float) -> str:
    """Say what part of `old` the number `new` is: `19%`, or `6.3 倍` where it is larger."""
    return f"{new / old:.1f} 倍" if new > old else f"{100 * new / old:.0f}%"


def _name(line: str) -> str:
    name = model_name(line, markdown=True)
    for english, chinese in NAMES.items():
        name = name.replace(english, chinese)
    return name


def _machine(text: str) -> str:
    """Put the number of cores into Chinese words; what follows are names and versions."""
    return re.sub(r"^(\d+) cores? of (.*)$", r"\2，\1 个处理器核心", text).replace(", ", "，")


def _sentences(results: dict[str, Any]) -> str:
    models = {model["name"]: model for model in results["models"]}
    parts = []
    if {"mnist_mlp.py", "mnist_cnn.py"} <= models.keys():
        mlp, cnn = models["mnist_mlp.py"], models["mnist_cnn.py"]
        words = {"parameters": "参数量", "multiply_adds": "乘加次数", "errors_mean": "错误数"}
        if all(mlp[key] for key in words):
            found = [f"{word}是 {times(cnn[key], mlp[key])}" for key, word in words.items()]
            parts.append(f"与 MLP 相比，CNN 的{'，'.join(found)}。")
    found = verdicts(results["differences"])
    previous = all(base_of(results, k) in (None, k - 1) for k in range(len(models)))
    if found and previous and all(verdict is Verdict.EVERY for verdict, _ in found):
        parts.append(
            "每一行与上一行的差异对每个种子都显著"
            "（对每个种子作精确 McNemar 检验，对整张表作 Holm 校正，p < 0.05）。"
        )
    elif found:
        parts.append("各行差异的显著性见[英文页面](../README.md)。")
    return "".join(parts)
