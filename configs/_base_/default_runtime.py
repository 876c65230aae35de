# Registers what this package adds, before mmengine builds anything by name.
custom_imports = dict(imports=['mmseg_aux_hrnet'])
default_scope = 'mmseg'
env_cfg = dict(
    cudnn_benchmark=True,  # every batch of training has one size, so trying out convolutions pays
    # Loader processes use the cores already: threads of OpenCV in each of them would only get in each other's way.
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl', timeout=1800),
)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='SegLocalVisualizer', vis_backends=vis_backends, name='visualizer')
log_level = 'INFO'
load_from = None
resume = False
tta_model = dict(type='ProbabilityTTAModel')
