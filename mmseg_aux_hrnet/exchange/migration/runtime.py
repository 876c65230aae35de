"""What runs around training: hooks, logs, checkpoints, processes, seeds."""

from importlib import import_module
from typing import Any

from mmseg.registry import HOOKS

from mmseg_aux_hrnet.exchange.migration.registered import known_part
from mmseg_aux_hrnet.exchange.migration.report import Report, Section, shown
from mmseg_aux_hrnet.exchange.migration.schedule import Length

# 0.x's name of a figure -> that of ConfusionMetric, whose keys are the same but for these
OVERALL = {'auto': 'OA', 'aAcc': 'OA', 'mIoU': 'mIoU', 'mAcc': 'mAcc', 'mRecall': 'mAcc', 'mDice': 'mDice'}
OVERALL |= {'mFscore': 'mDice'}  # with beta 1 the same
OF_CLASS = {'IoU': 'IoU', 'Acc': 'Recall', 'Recall': 'Recall', 'Precision': 'Precision', 'Dice': 'F1', 'Fscore': 'F1'}
METRICS = ('mIoU', 'mDice', 'mFscore')


class Validation:
    """What ``evaluation`` of 0.x has become.

    Args:
        settings: ``evaluation`` of 0.x.
        report: gets the notes.

    Attributes:
        interval: iterations or epochs between two validations; None where the config does not say.
        begin: the first one; None for the interval.
        save_best: figure of ``ConfusionMetric`` that keeps the best checkpoint; None for none.
    """

    def __init__(self, settings: dict[str, Any], *, report: Report) -> None:
        section = Section(settings, place='evaluation', report=report)
        self.interval = section.take('interval')
        self.begin = section.take('start')
        self.save_best = _figure(section.take('save_best'), report=report)
        metrics = section.take('metric', 'mIoU')
        for name in [metrics] if isinstance(metrics, str) else metrics:
            if name not in METRICS:
                report.dropped('evaluation.metric', f'{name!r}: ConfusionMetric gives {", ".join(METRICS)} and more')
        if section.take('rule', 'greater') != 'greater':
            report.chose('evaluation.rule', "'greater': figures of ConfusionMetric are better when they are greater")
        section.take('by_epoch')  # 0.x's tool set it by the runner
        why = 'ConfusionMetric counts while predicting and gathers from all processes by itself'
        section.drop('pre_eval', 'efficient_test', 'gpu_collect', 'broadcast_bn_buffer', why=why)
        section.close()


def _figure(name: Any, *, report: Report) -> str | None:
    """Return the key of ``ConfusionMetric`` for a figure of 0.x."""
    if name is None:
        return None
    figure, _, of_class = str(name).partition('.')
    new = f'{OF_CLASS[figure]}.{of_class}' if of_class and figure in OF_CLASS else OVERALL.get(str(name))
    if new is None:
        report.chose('evaluation.save_best', f"'mIoU': ConfusionMetric gives no {name!r}")
        return 'mIoU'
    if new != name:
        report.chose('evaluation.save_best', f'{new!r}, the name that ConfusionMetric has for {name!r}')
    return new


OWN = 'mmseg_aux_hrnet'
CURVES = ('mIoU', 'OA')
WRITERS = {'TensorboardLoggerHook': 'TensorboardVisBackend', 'WandbLoggerHook': 'WandbVisBackend'}
WRITERS |= {'MlflowLoggerHook': 'MLflowVisBackend', 'NeptuneLoggerHook': 'NeptuneVisBackend'}


def migrate_hooks(top: Section, length: Length, validation: Validation) -> dict[str, Any]:
    """Return ``default_hooks``, ``custom_hooks`` and ``visualizer``."""
    log = Section(top.take('log_config') or {}, place='log_config', report=top.report)
    backends = [{'type': 'LocalVisBackend'}, *_writers(log)]
    logger = {'type': 'LoggerHook', 'interval': log.take('interval', 10), 'log_metric_by_epoch': length.by_epoch}
    log.close()
    default_hooks = {
        'timer': {'type': 'IterTimerHook'},
        'logger': logger,
        'param_scheduler': {'type': 'ParamSchedulerHook'},
        'checkpoint': _checkpoints(top, length, validation),
        'sampler_seed': {'type': 'DistSamplerSeedHook'},
        'interrupt': {'type': 'InterruptHook'},
        'exact_resume': {'type': 'ExactResumeHook'},
        'finite': {'type': 'FiniteHook'},
        'progress': {'type': 'ProgressHook'},
        'contact_sheet': {'type': 'ContactSheetHook'},
    }
    figures = tuple(dict.fromkeys([*([validation.save_best] if validation.save_best else []), *CURVES]))
    own = [{'type': 'ClassCountHook'}, {'type': 'DataFilesHook'}, {'type': 'CurveHook', 'figures': figures}]
    return {
        'default_hooks': default_hooks,
        'custom_hooks': [*own, *_custom_hooks(top)],
        'vis_backends': backends,
        'visualizer': {'type': 'SegLocalVisualizer', 'vis_backends': backends, 'name': 'visualizer'},
    }


def _writers(log: Section) -> list[dict[str, Any]]:
    """Return the backends that stand for the loggers of 0.x, beside the text that 1.x always writes."""
    backends = []
    for hook in log.take('hooks') or []:
        section = Section(hook, place=f'log_config.{hook["type"]}', report=log.report)
        name = section.take('type')
        section.take('by_epoch')
        section.take('interval')
        if name in WRITERS:
            backends.append({'type': WRITERS[name], **section.take_given('init_kwargs', 'exp_name')})
        elif name != 'TextLoggerHook':
            log.report.dropped(section.place, 'no backend of 1.x is known for it')
            section.rest()
        section.close()
    return backends


def _checkpoints(top: Section, length: Length, validation: Validation) -> dict[str, Any]:
    section = Section(top.take('checkpoint_config') or {'interval': -1}, place='checkpoint_config', report=top.report)
    by_epoch = section.take('by_epoch', length.by_epoch)
    new = {'type': 'WholeCheckpointHook', 'by_epoch': length.by_epoch, 'interval': section.take('interval', -1)}
    if by_epoch != length.by_epoch:
        top.report.chose('checkpoint_config.by_epoch', f'interval in {length.unit}, as the length of training')
    new |= section.take_given('max_keep_ckpts', 'save_optimizer', 'out_dir', 'save_last', 'filename_tmpl')
    section.drop('meta', 'create_symlink', 'sync_buffer', why='1.x writes its own meta and names the last checkpoint')
    section.close()
    best = {} if validation.save_best is None else {'save_best': validation.save_best, 'rule': 'greater'}
    return {**new, **best}


def _custom_hooks(top: Section) -> list[dict[str, Any]]:
    given = top.take('custom_hooks') or []
    known = (known_part(HOOKS, hook, place='custom_hooks', report=top.report) for hook in given)
    return [hook for hook in known if hook is not None]


def migrate_loops(length: Length, validation: Validation, *, checkpoints: int) -> dict[str, Any]:
    """Return the loops; where the config does not say how often to validate, whenever a checkpoint is saved."""
    interval = validation.interval or (checkpoints if checkpoints > 0 else length.number)
    kind = 'EpochBasedTrainLoop' if length.by_epoch else 'IterBasedTrainLoop'
    train = {'type': kind, f'max_{length.unit}': length.number, 'val_interval': interval}
    if validation.begin is not None:
        train['val_begin'] = validation.begin
    return {'train_cfg': train, 'val_cfg': {'type': 'ValLoop'}, 'test_cfg': {'type': 'TestLoop'}}


def migrate_environment(top: Section) -> dict[str, Any]:
    """Return imports, processes, seeds, logging and the checkpoint that training starts from."""
    dist = Section(top.take('dist_params') or {}, place='dist_params', report=top.report)
    backend = dist.take('backend', 'nccl')
    dist.close()
    workers = {
        'mp_start_method': top.take('mp_start_method', 'fork'),
        'opencv_num_threads': top.take('opencv_num_threads', 0),
    }
    new = {
        'custom_imports': _imports(top),
        'default_scope': 'mmseg',
        'env_cfg': {
            'cudnn_benchmark': bool(top.take('cudnn_benchmark', False)),
            'mp_cfg': workers,
            'dist_cfg': {'backend': backend},
        },
        'log_level': top.take('log_level', 'INFO'),
        **_start(top),
        **_randomness(top),
        **top.take_given('find_unused_parameters', 'work_dir'),
        'tta_model': {'type': 'ProbabilityTTAModel'},
    }
    _note_leftovers(top)
    return new


def _imports(top: Section) -> dict[str, Any]:
    """Return the modules to import: ours, and those of the config that 1.x can import."""
    given = Section(top.take('custom_imports') or {}, place='custom_imports', report=top.report)
    modules = given.take('imports') or []
    given.take('allow_failed_imports')
    given.close()
    found = [name for name in ([modules] if isinstance(modules, str) else modules) if _imports_here(name, top=top)]
    return {'imports': [OWN, *(name for name in found if name != OWN)]}


def _imports_here(name: str, *, top: Section) -> bool:
    try:
        import_module(name)
    except Exception as error:  # somebody's module: it can fail in any way
        top.report.dropped('custom_imports', f'{name}: cannot be imported ({type(error).__name__}: {error})')
        return False
    return True


def _start(top: Section) -> dict[str, Any]:
    """Return the checkpoint that training starts from; 1.x cannot go on in the middle of a run of 0.x."""
    load, resume = top.take('load_from'), top.take('resume_from')
    if resume is not None:
        top.report.chose(
            'resume_from',
            f'load_from={shown(resume)}: the weights of that run, but not its iteration, optimizer and learning rate',
        )
    return {'load_from': resume or load, 'resume': bool(top.take('auto_resume', False))}


def _randomness(top: Section) -> dict[str, Any]:
    settings = top.take_given('seed', 'deterministic')
    return {'randomness': settings} if settings else {}


def _note_leftovers(top: Section) -> None:
    workflow = top.take('workflow')
    if workflow and [list(part) for part in workflow] != [['train', 1]]:
        top.report.dropped('workflow', f'{shown(workflow)}: the loops of 1.x train, and validate by val_interval')
    top.take('gpu_ids')  # written by 0.x's tools
    top.take('gpus')
    top.drop('device', why='1.x takes the GPU that is there')
    top.drop('momentum_config', why='write it as param_scheduler with the momentum schedulers of 1.x')
