package recon

// Subject is whom raw data show and in which study, as DICOM writes it; "" is unknown. It goes into DICOM objects and nowhere else: printed,
// it is empty.
type Subject struct {
	Name, ID, BirthDate, Sex string // YYYYMMDD; M, F or O
	Weight, Size             string // kg, m

	StudyUID, FrameUID                            string
	StudyDate, StudyTime                          string // YYYYMMDD, HHMMSS
	StudyID, Accession, Referrer, Study, BodyPart string
	Series, Protocol                              string // what they are called
}

// String keeps patient data out of logs.
func (Subject) String() string { return "subject" }

// GoString is String.
func (Subject) GoString() string { return "subject" }
