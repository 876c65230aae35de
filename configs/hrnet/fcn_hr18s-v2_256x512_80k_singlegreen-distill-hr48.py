from mmengine import Config

_base_ = ['./fcn_hr18s-v2_256x512_80k_singlegreen.py', '../_base_/distillation.py']
model = dict(
    type='DistilledEncoderDecoder',
    # Read as a value: as a base, its model would be merged with the student's.
    teacher=Config.fromfile('{{ fileDirname }}/fcn_hr48_256x512_80k_singlegreen.py', import_custom_modules=False).model,
    distillation=_base_.distillation,
)
del Config  # or mmengine takes it for a setting
