"""How training goes: its optimizer and validation, and the hooks and processes around it."""

from importlib import import_module
from typing import Any

from mmseg.registry import HOOKS

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.exchange.migration.report import Report, Section, known_part, shown
from mmseg_aux_hrnet.exchange.migration.schedule import Length

OWN = 'mmseg_aux_hrnet'
NEW_NAMES = {'grad_clip': 'clip_grad', 'cumulative_iters': 'accumulative_counts'}
HALF_PRECISION_HOOKS = ('Fp16OptimizerHook', 'GradientCumulativeFp16OptimizerHook')
CONSTRUCTORS = {'DefaultOptimizerConstructor': 'DefaultOptimWrapperConstructor'}
# 0.x's name of a figure -> that of ConfusionMetric, whose keys are the same but for these
OVERALL = {'auto': 'OA', 'aAcc': 'OA', 'mIoU': 'mIoU', 'mAcc': 'mAcc', 'mRecall': 'mAcc', 'mDice': 'mDice'}
OVERALL |= {'mFscore': 'mDice'}  # with beta 1 the same
OF_CLASS = {'IoU': 'IoU', 'Acc': 'Recall', 'Recall': 'Recall', 'Precision': 'Precision', 'Dice': 'F1', 'Fscore': 'F1'}
MEASURED = ('mIoU', 'mDice', 'mFscore')  # of ``evaluation.metric``
DRAWN = ('mIoU', 'OA')
WRITERS = {'TensorboardLoggerHook': 'TensorboardVisBackend', 'WandbLoggerHook': 'WandbVisBackend'}
WRITERS |= {'MlflowLoggerHook': 'MLflowVisBackend', 'NeptuneLoggerHook': 'NeptuneVisBackend'}


def migrate_optimizer(top: Section) -> dict[str, Any]:
    """Return the ``optim_wrapper``.

    Raises:
        ConfigError: there are several optimizers.
    """
    optimizer = top.part('optimizer')
    if 'type' not in optimizer:
        raise ConfigError('optimizer has no type: give one optimizer, such as dict(type="SGD", lr=0.01)')
    around = optimizer.take_given('paramwise_cfg')
    constructor = optimizer.take('constructor')
    if constructor is not None:
        around['constructor'] = CONSTRUCTORS.get(constructor, constructor)
    wrapper: dict[str, Any] = {'type': 'OptimWrapper', 'optimizer': optimizer.rest(), **around}
    # Only now, because errors name the part that was read last.
    hook, half = top.part('optimizer_config'), top.take('fp16')
    for key, value in hook.take_given('grad_clip', 'cumulative_iters').items():
        wrapper[NEW_NAMES[key]] = value
    if hook.take('type') in HALF_PRECISION_HOOKS or half is not None:
        wrapper['type'] = 'AmpOptimWrapper'
        scale = hook.take('loss_scale', (half or {}).get('loss_scale'))
        wrapper |= {} if scale is None else {'loss_scale': scale}
        top.report.chose('fp16', "AmpOptimWrapper, by torch's autocast; it needs a GPU")
    hook.drop('coalesce', 'bucket_size_mb', 'distributed', why='torch exchanges gradients by itself')
    hook.close()
    return wrapper


class Validation:
    """What ``evaluation`` of 0.x has become.

    Args:
        section: ``evaluation`` of 0.x.

    Attributes:
        interval: iterations or epochs between two validations; None where the config does not say.
        begin: the first one; None for the interval.
        save_best: figure of ``ConfusionMetric`` that keeps the best checkpoint; None for none.
    """

    def __init__(self, section: Section) -> None:
        report = section.report
        self.interval = section.take('interval')
        self.begin = section.take('start')
        self.save_best = _figure(section.take('save_best'), report=report)
        metrics = section.take('metric', 'mIoU')
        for name in [metrics] if isinstance(metrics, str) else metrics:
            if name not in MEASURED:
                report.dropped('evaluation.metric', f'{name!r}: ConfusionMetric gives {", ".join(MEASURED)} and more')
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


def migrate_loops(length: Length, validation: Validation, *, checkpoints: int) -> dict[str, Any]:
    """Return the loops; where the config does not say how often to validate, whenever a checkpoint is saved."""
    interval = validation.interval or (checkpoints if checkpoints > 0 else length.number)
    kind, key = ('EpochBasedTrainLoop', 'max_epochs') if length.by_epoch else ('IterBasedTrainLoop', 'max_iters')
    train = {'type': kind, key: length.number, 'val_interval': interval}
    if validation.begin is not None:
        train['val_begin'] = validation.begin
    return {'train_cfg': train, 'val_cfg': {'type': 'ValLoop'}, 'test_cfg': {'type': 'TestLoop'}}


def migrate_hooks(top: Section, length: Length, validation: Validation) -> dict[str, Any]:
    """Return ``default_hooks``, ``custom_hooks`` and ``visualizer``."""
    log = top.part('log_config')
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
    figures = tuple(dict.fromkeys([*([validation.save_best] if validation.save_best else []), *DRAWN]))
    custom_hooks = [{'type': 'ClassCountHook'}, {'type': 'DataFilesHook'}, {'type': 'CurveHook', 'figures': figures}]
    for hook in top.take('custom_hooks') or []:
        known = known_part(HOOKS, hook, place='custom_hooks', report=top.report)
        custom_hooks += [] if known is None else [known]
    return {
        'default_hooks': default_hooks,
        'custom_hooks': custom_hooks,
        'vis_backends': backends,
        'visualizer': {'type': 'SegLocalVisualizer', 'vis_backends': backends, 'name': 'visualizer'},
    }


def _writers(log: Section) -> list[dict[str, Any]]:
    """Return the backends that stand for the loggers of 0.x, beside the text that 1.x always writes."""
    backends = []
    for hook in log.take('hooks') or []:
        section = Section(hook, place=f'log_config.{hook["type"]}', report=log.report)
        name = section.take('type')
        section.drop('by_epoch', 'interval', why=None)  # one LoggerHook of 1.x feeds all backends
        if name in WRITERS:
            backends.append({'type': WRITERS[name], **section.take_given('init_kwargs', 'exp_name')})
        elif name != 'TextLoggerHook':
            log.report.dropped(section.place, 'no backend of 1.x is known for it')
            section.rest()
        section.close()
    return backends


def _checkpoints(top: Section, length: Length, validation: Validation) -> dict[str, Any]:
    section = top.part('checkpoint_config')
    by_epoch = section.take('by_epoch', length.by_epoch)
    new = {'type': 'WholeCheckpointHook', 'by_epoch': length.by_epoch, 'interval': section.take('interval', -1)}
    if by_epoch != length.by_epoch:
        text = f'interval in {"epochs" if length.by_epoch else "iters"}, as the length of training'
        top.report.chose('checkpoint_config.by_epoch', text)
    new |= section.take_given('max_keep_ckpts', 'save_optimizer', 'out_dir', 'save_last', 'filename_tmpl')
    section.drop('meta', 'create_symlink', 'sync_buffer', why='1.x writes its own meta and names the last checkpoint')
    section.close()
    return new if validation.save_best is None else {**new, 'save_best': validation.save_best, 'rule': 'greater'}


def migrate_environment(top: Section) -> dict[str, Any]:
    """Return imports, processes, seeds, logging and the checkpoint that training starts from."""
    dist = top.part('dist_params')
    backend = dist.take('backend', 'nccl')
    dist.close()
    start, threads = top.take('mp_start_method', 'fork'), top.take('opencv_num_threads', 0)
    imports = _imports(top)
    load, resume = top.take('load_from'), top.take('resume_from')
    if resume is not None:
        # 1.x cannot continue in the middle of a run of 0.x: the optimizer and the log have other forms.
        top.report.chose(
            'resume_from',
            f'load_from={shown(resume)}: the weights of that run, but not its iteration, optimizer and learning rate',
        )
    randomness = top.take_given('seed', 'deterministic')
    new = {
        'custom_imports': {'imports': [OWN, *imports]},
        'default_scope': 'mmseg',
        'env_cfg': {
            'cudnn_benchmark': bool(top.take('cudnn_benchmark', False)),
            'mp_cfg': {'mp_start_method': start, 'opencv_num_threads': threads},
            'dist_cfg': {'backend': backend},
        },
        'log_level': top.take('log_level', 'INFO'),
        'load_from': resume or load,
        'resume': bool(top.take('auto_resume', False)),
        **({'randomness': randomness} if randomness else {}),
        **top.take_given('find_unused_parameters', 'work_dir'),
        'tta_model': {'type': 'ProbabilityTTAModel'},
    }
    workflow = top.take('workflow')
    if workflow and [list(part) for part in workflow] != [['train', 1]]:
        top.report.dropped('workflow', f'{shown(workflow)}: the loops of 1.x train, and validate by val_interval')
    top.drop('gpu_ids', 'gpus', why=None)  # written by 0.x's tools
    top.drop('device', why='1.x takes the GPU that is there')
    top.drop('momentum_config', why='write it as param_scheduler with the momentum schedulers of 1.x')
    return new


def _imports(top: Section) -> list[str]:
    """Return the modules of the config that 1.x can import."""
    section = top.part('custom_imports')
    modules = section.take('imports') or []
    section.take('allow_failed_imports')
    section.close()
    found = []
    for name in [modules] if isinstance(modules, str) else modules:
        try:
            import_module(name)
        except Exception as error:  # a module of the user: it can fail in any way
            top.report.dropped('custom_imports', f'{name}: cannot be imported ({type(error).__name__}: {error})')
        else:
            found += [] if name == OWN else [name]
    return found
