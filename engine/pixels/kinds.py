"""What the storage SOP classes can show (PS3.4 B.5, PS3.6 A), as far as cleaning pixels has to know it. Pure data.

A class that is not in this table, because it is private or newer than the table, is held: nobody has looked at what
it may hold. Must not know files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from pydicom._uid_dict import UID_dictionary


class Kind(Enum):
    """How an object of a class is cleaned. The values are for readers of the documentation."""

    IMAGE = "cleaned: boxes blanked in every frame; overlays, curves, graphic and waveform annotations, icons left out"
    WAVEFORM = "waveform annotations and icons left out; held if anything else in it is drawn"
    BARE = "clean as it is, for it has nothing to look at; icons left out; held if it has pixels or something drawn"
    STATE = "clean as it is while nothing is drawn in it; held if it has annotations, overlays, curves or text boxes"
    HELD = "held"


@dataclass(frozen=True)
class Verdict:
    """What is done with objects of a class. `why`: why they are held, and what to do; empty where they are not."""

    kind: Kind
    why: str = ""


_IMAGES = """
ComputedRadiographyImageStorage DigitalXRayImageStorageForPresentation DigitalXRayImageStorageForProcessing
DigitalMammographyXRayImageStorageForPresentation DigitalMammographyXRayImageStorageForProcessing
DigitalIntraOralXRayImageStorageForPresentation DigitalIntraOralXRayImageStorageForProcessing
CTImageStorage EnhancedCTImageStorage LegacyConvertedEnhancedCTImageStorage
UltrasoundMultiFrameImageStorageRetired UltrasoundMultiFrameImageStorage UltrasoundImageStorageRetired
UltrasoundImageStorage EnhancedUSVolumeStorage PhotoacousticImageStorage
MRImageStorage EnhancedMRImageStorage EnhancedMRColorImageStorage LegacyConvertedEnhancedMRImageStorage
NuclearMedicineImageStorageRetired NuclearMedicineImageStorage
SecondaryCaptureImageStorage MultiFrameSingleBitSecondaryCaptureImageStorage
MultiFrameGrayscaleByteSecondaryCaptureImageStorage MultiFrameGrayscaleWordSecondaryCaptureImageStorage
MultiFrameTrueColorSecondaryCaptureImageStorage
XRayAngiographicImageStorage EnhancedXAImageStorage XRayRadiofluoroscopicImageStorage EnhancedXRFImageStorage
XRayAngiographicBiPlaneImageStorage XRay3DAngiographicImageStorage XRay3DCraniofacialImageStorage
BreastTomosynthesisImageStorage BreastProjectionXRayImageStorageForPresentation
BreastProjectionXRayImageStorageForProcessing
IntravascularOpticalCoherenceTomographyImageStorageForPresentation
IntravascularOpticalCoherenceTomographyImageStorageForProcessing
ParametricMapStorage SegmentationStorage
VLImageStorageTrial VLMultiFrameImageStorageTrial VLEndoscopicImageStorage VideoEndoscopicImageStorage
VLMicroscopicImageStorage VideoMicroscopicImageStorage VLSlideCoordinatesMicroscopicImageStorage
VLPhotographicImageStorage VideoPhotographicImageStorage OphthalmicPhotography8BitImageStorage
OphthalmicPhotography16BitImageStorage OphthalmicTomographyImageStorage
WideFieldOphthalmicPhotographyStereographicProjectionImageStorage
WideFieldOphthalmicPhotography3DCoordinatesImageStorage
OphthalmicOpticalCoherenceTomographyEnFaceImageStorage
OphthalmicOpticalCoherenceTomographyBscanVolumeAnalysisStorage VLWholeSlideMicroscopyImageStorage
DermoscopicPhotographyImageStorage ConfocalMicroscopyImageStorage ConfocalMicroscopyTiledPyramidalImageStorage
OphthalmicThicknessMapStorage CornealTopographyMapStorage
PositronEmissionTomographyImageStorage LegacyConvertedEnhancedPETImageStorage EnhancedPETImageStorage
RTImageStorage RTDoseStorage EnhancedRTImageStorage EnhancedContinuousRTImageStorage
"""

_WAVEFORMS = """
WaveformStorageTrial TwelveLeadECGWaveformStorage GeneralECGWaveformStorage AmbulatoryECGWaveformStorage
General32bitECGWaveformStorage HemodynamicWaveformStorage CardiacElectrophysiologyWaveformStorage
ArterialPulseWaveformStorage RespiratoryWaveformStorage MultichannelRespiratoryWaveformStorage
RoutineScalpElectroencephalogramWaveformStorage ElectromyogramWaveformStorage ElectrooculogramWaveformStorage
SleepElectroencephalogramWaveformStorage BodyPositionWaveformStorage
"""

_BARE = """
MRSpectroscopyStorage StandaloneModalityLUTStorage StandaloneVOILUTStorage
SpatialRegistrationStorage SpatialFiducialsStorage DeformableSpatialRegistrationStorage SurfaceSegmentationStorage
TractographyResultsStorage RealWorldValueMappingStorage SurfaceScanMeshStorage SurfaceScanPointCloudStorage
StereometricRelationshipStorage LensometryMeasurementsStorage AutorefractionMeasurementsStorage
KeratometryMeasurementsStorage SubjectiveRefractionMeasurementsStorage VisualAcuityMeasurementsStorage
SpectaclePrescriptionReportStorage OphthalmicAxialMeasurementsStorage IntraocularLensCalculationsStorage
MacularGridThicknessAndVolumeReportStorage OphthalmicVisualFieldStaticPerimetryMeasurementsStorage
TextSRStorageTrial DetailSRStorageTrial ComprehensiveSRStorageTrial BasicTextSRStorage EnhancedSRStorage
ComprehensiveSRStorage Comprehensive3DSRStorage ExtensibleSRStorage ProcedureLogStorage MammographyCADSRStorage
KeyObjectSelectionDocumentStorage ChestCADSRStorage XRayRadiationDoseSRStorage
RadiopharmaceuticalRadiationDoseSRStorage ColonCADSRStorage ImplantationPlanSRStorage AcquisitionContextSRStorage
SimplifiedAdultEchoSRStorage PatientRadiationDoseSRStorage PlannedImagingAgentAdministrationSRStorage
PerformedImagingAgentAdministrationSRStorage EnhancedXRayRadiationDoseSRStorage WaveformAnnotationSRStorage
ContentAssessmentResultsStorage
CTDefinedProcedureProtocolStorage CTPerformedProcedureProtocolStorage ProtocolApprovalStorage
XADefinedProcedureProtocolStorage XAPerformedProcedureProtocolStorage
RTStructureSetStorage RTBeamsTreatmentRecordStorage RTPlanStorage RTBrachyTreatmentRecordStorage
RTTreatmentSummaryRecordStorage RTIonPlanStorage RTIonBeamsTreatmentRecordStorage RTPhysicianIntentStorage
RTSegmentAnnotationStorage RTRadiationSetStorage CArmPhotonElectronRadiationStorage
TomotherapeuticRadiationStorage RoboticArmRadiationStorage RTRadiationRecordSetStorage
RTRadiationSalvageRecordStorage TomotherapeuticRadiationRecordStorage CArmPhotonElectronRadiationRecordStorage
RoboticRadiationRecordStorage RTRadiationSetDeliveryInstructionStorage RTTreatmentPreparationStorage
RTPatientPositionAcquisitionInstructionStorage RTBeamsDeliveryInstructionStorageTrial
RTBeamsDeliveryInstructionStorage RTBrachyApplicationSetupDeliveryInstructionStorage
HangingProtocolStorage ColorPaletteStorage ImplantAssemblyTemplateStorage ImplantTemplateGroupStorage
"""

_STATES = """
GrayscaleSoftcopyPresentationStateStorage ColorSoftcopyPresentationStateStorage
PseudoColorSoftcopyPresentationStateStorage BlendingSoftcopyPresentationStateStorage
XAXRFGrayscaleSoftcopyPresentationStateStorage GrayscalePlanarMPRVolumetricPresentationStateStorage
CompositingPlanarMPRVolumetricPresentationStateStorage AdvancedBlendingPresentationStateStorage
VolumeRenderingVolumetricPresentationStateStorage SegmentedVolumeRenderingVolumetricPresentationStateStorage
MultipleVolumeRenderingVolumetricPresentationStateStorage VariableModalityLUTSoftcopyPresentationStateStorage
BasicStructuredDisplayStorage
"""

_HELD = {
    "it is a document (PDF, CDA, a model or a drawing), which is not looked into: take it out by its SOP class, or let "
    "a person look at it": """
        EncapsulatedPDFStorage EncapsulatedCDAStorage EncapsulatedSTLStorage EncapsulatedOBJStorage
        EncapsulatedMTLStorage GenericImplantTemplateStorage""",
    "it is sound, in which names may be spoken: let a person listen to it": """
        BasicVoiceAudioWaveformStorage GeneralAudioWaveformStorage AudioSRStorageTrial""",
    "it is drawn on another object, and has nothing else: let a person look at it, or take it out by its SOP class": """
        StandaloneOverlayStorage StandaloneCurveStorage StandalonePETCurveStorage
        MicroscopyBulkSimpleAnnotationsStorage""",
    "what it holds is known to its maker alone (raw data): take it out by its SOP class": "RawDataStorage",
    "it lists or prints objects of other patients: take it out by its SOP class": """
        InventoryStorage MediaStorageDirectoryStorage StoredPrintStorage HardcopyGrayscaleImageStorage
        HardcopyColorImageStorage""",
    "it shows luggage or a workpiece and no patient, and its ways to show text are not known here": """
        DICOSCTImageStorage DICOSDigitalXRayImageStorageForPresentation DICOSDigitalXRayImageStorageForProcessing
        DICOSThreatDetectionReportStorage DICOS2DAITStorage DICOS3DAITStorage DICOSQuadrupoleResonanceStorage
        EddyCurrentImageStorage EddyCurrentMultiFrameImageStorage""",
}
UNKNOWN = Verdict(
    Kind.HELD, "its SOP class is private or unknown here, so nobody knows where it shows text: let a person look at it"
)
"""What is done with every other class."""


def _verdicts() -> Mapping[str, Verdict]:
    by_keyword = {names: Verdict(kind) for kind, names in _KINDS.items()}
    by_keyword |= {names: Verdict(Kind.HELD, why) for why, names in _HELD.items()}
    wanted = {keyword: verdict for names, verdict in by_keyword.items() for keyword in names.split()}
    return {uid: wanted[entry[4]] for uid, entry in UID_dictionary.items() if entry[4] in wanted}


_KINDS = {Kind.IMAGE: _IMAGES, Kind.WAVEFORM: _WAVEFORMS, Kind.BARE: _BARE, Kind.STATE: _STATES}
VERDICTS = _verdicts()
"""By SOP Class UID."""


def verdict(sop_class: str) -> Verdict:
    """What is done with objects of a SOP class (a UID)."""
    return VERDICTS.get(sop_class, UNKNOWN)
